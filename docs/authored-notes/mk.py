# poses of all forms for rendering: writes /tmp/d2/poses.npz  (frames, 55, 3), labels
import sys, json, numpy as np
from engine.generators.authored import authored_clips, _built, takes
from engine.generators.authored_table import authored
from engine.generators.postures import spine_rest, rest_posture
from engine.models.phase_gesture import MODEL_JOINTS
from engine.rotations import matrix_to_axis_angle
from engine.skeleton import default_skeleton
from engine.bodyshape import arm_samples, body_distance, hand_distance
S=default_skeleton(); rest=sys.argv[1] if len(sys.argv)>1 else "sides"; seed=int(sys.argv[2]) if len(sys.argv)>2 else 0
poses=[];labels=[];report=[]
for t,c in zip(takes(),authored_clips()):
    if t.rest!=rest: continue
    noise=np.zeros(24) if seed==0 else np.random.default_rng(seed+t.form).standard_normal(24)
    b=_built(t,noise.tobytes(),1.0); sp=b.right.spans
    ts=[]
    form=authored().forms[t.form]
    for i,k in enumerate(form.right):
        end=sp.ways[i+1] if i+1<len(form.right) else sp.done
        ts.append(min(sp.paths[i]+.04, sp.leave) if k.shake or k.circle else (end if i+1<len(form.right) else sp.done))
        if k.shake: ts.append(sp.paths[i]+(.25 if not k.shake.hand else .5)*k.shake.every*b.right.spans.done/ b.right.spans.done)
        if k.circle: ts+= [sp.paths[i]+f*k.circle.seconds for f in (.35,.65)]
    ts=sorted(ts)
    if len(ts)==1: ts=[ts[0]*.55, ts[0]]
    while len(ts)<3: ts.append(sp.leave)
    ts=[ts[0],ts[len(ts)//2],ts[-1]]
    full=np.arange(0,sp.end,1/30.)
    R=b.rotations(np.concatenate([np.array(ts),full]))
    p=np.zeros((len(R),55,3)); p[:]=spine_rest(); p[:,list(MODEL_JOINTS)]=matrix_to_axis_angle(R)
    for side,arm in ((0,(16,18,20)+tuple(range(25,40))),):
        if b.left is None: p[:,list(arm)]=rest_posture(rest,False).arms[0].reshape(18,3)
    poses.append(p[:3]); labels.append(c.gclass)
    pts,W=S.forward(p[3:],np.zeros((len(full),3)))
    d=[]
    for side in ((1,0) if b.left else (1,)):
        smp=arm_samples(S,pts,side); d.append(body_distance(smp,pts,W)[0].min())
    h=hand_distance(arm_samples(S,pts,1),pts,W,0)[0].min() if b.left else 9
    # wrist angles at keys
    st=b.right.state(np.array(ts)); ang=np.degrees(st[:,6:9]).round().astype(int)
    pos=b.right.places(full); wr=pts[:,21]-pts[:,9]
    report.append((c.gclass, round(1e3*min(d)), round(1e3*h) if h<9 else None, ang.tolist()))
np.savez("/tmp/d2/poses.npz",poses=np.array(poses),labels=np.array(labels))
for r in report: print(*r)
