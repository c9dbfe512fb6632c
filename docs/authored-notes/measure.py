import numpy as np, sys
sys.path.insert(0,"tests/engine")
import test_gestures_perform as T
from engine.generators.authored import authored_clips, authored_classes, Repertoire
from engine.generators.gestures import perform
from engine.generators.gesture_timing import arrival_time
from engine.models.phase_gesture import GestureModel, BEAT_CLASSES
from engine.skeleton import ASSETS, default_skeleton
from engine.rotations import matrix_to_axis_angle
from scipy.signal import butter, sosfiltfilt
S=default_skeleton(); m=GestureModel.load(ASSETS/"weights"/"default.safetensors"); FPS=30.
def run(names,clips,step,seed,hold=.6,prep=.45):
    t=T.frames(step*len(names)+3)
    sides={n:"both" if all(c.hands=="both" for c in clips if c.gclass==n) else "right" for n in names}
    plan=tuple(T.phrase(i,2+step*i,n,sides[n],hold=hold,prep=prep) for i,n in enumerate(names))
    return t,plan,perform(T.standing(t),plan,t,seed,"explain",m)
def stats(names,clips,seed,hold):
    t,plan,out=run(names,clips,4.,seed,hold); w=sosfiltfilt(butter(2,10.,fs=FPS,output="sos"),T.wrists(out),axis=0)
    sp=[];jk=[];pk=[]
    for p in plan:
        a=(t>=p.onset)&(t<=p.retract_end)
        for col,side in ((0,"left"),(1,"right")):
            if p.hands in (side,"both"):
                v=np.linalg.norm(np.gradient(w[:,col],1/FPS,axis=0),axis=1); j=np.linalg.norm(np.gradient(np.gradient(np.gradient(w[:,col],axis=0),axis=0),axis=0),axis=1)*FPS**3
                sp.append(v[a].mean()); jk.append(j[a].mean()); pk.append(v[a].max())
    sp,jk,pk=map(np.array,(sp,jk,pk))
    return f"n {len(plan)} speed {sp.mean():.2f} (10-90% {np.percentile(sp,10):.2f}..{np.percentile(sp,90):.2f}) peak {pk.mean():.2f} max {pk.max():.2f} jerk/speed {jk.sum()/sp.sum():.0f}"
au=sorted(authored_classes()); le=sorted({c.gclass for c in m.clips}-BEAT_CLASSES)
for h in (.6,1.2):
    print("hold",h); print(" authored",stats(au,authored_clips(),1,h)); print(" learned ",stats(le,m.clips,1,h))
for hold in (1.2,):
    t,plan,out=run(au,authored_clips(),5.,3,hold)
    w=T.wrists(out); late={}
    for e in plan:
        used=[0,1] if e.hands=="both" else [1]
        late[e.gclass]=(arrival_time(w[:,used],t,e.onset,max(e.hold_end,e.apex+.1))-e.apex)*FPS
    v=np.array(list(late.values())); print("late frames median",np.median(v),"within 1:",np.mean(abs(v)<=1),{k:round(x,1) for k,x in late.items() if abs(x)>1})
    pts,world=S.forward_matrices(out,np.zeros((len(t),3)))
    el=np.einsum("tji,tj->ti",world[:,9],pts[:,19]-pts[:,9]); ratio=np.hypot(el[:,0]/.13,el[:,2]/.10)
    print("elbow min",ratio.min())
    bad={p.gclass:round(float(ratio[(t>=p.onset-.3)&(t<=p.retract_end+.3)].min()),2) for p in plan}
    print({k:x for k,x in bad.items() if x<1.0})
    acc=np.linalg.norm(np.diff(w,2,axis=0),axis=-1)*FPS**2; print("acc max",acc.max(),"p99",np.percentile(acc,99))
    for p in plan:
        if p.gclass.startswith(("count_","order_")):
            f=int((p.apex+.15)*FPS); a=[]
            for i,n in enumerate(("index","middle","pinky","ring","thumb")):
                j=40+3*i; q=pts[f]; x=q[j+1]-q[j]; k=q[j]-q[21]; kk=q[j+2]-q[j+1]
                ang=lambda u,z: np.degrees(np.arccos(u@z/np.linalg.norm(u)/np.linalg.norm(z)))
                a.append((n,round(ang(k,x)+ang(x,kk))))
            print(p.gclass,a)
