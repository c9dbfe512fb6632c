import sys, bpy, numpy as np
sys.path.insert(0,"/work/main")
from pathlib import Path
from addon import register
from addon.client.take_file import Take
from addon.takes.apply import apply_take
from addon.preview import framing
from addon.preview.stage import stage
z=np.load(sys.argv[1]); poses=z["poses"]; labels=z["labels"]; out=Path(sys.argv[2]); out.mkdir(exist_ok=True)
views=sys.argv[3].split(",") if len(sys.argv)>3 else ["front","left_three_quarter"]
pick=sys.argv[4].split(",") if len(sys.argv)>4 else None
if pick: keep=[i for i,l in enumerate(labels) if l in pick]; poses=poses[keep]; labels=labels[keep]
N=poses.shape[1]
register()
bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
bpy.context.scene.render.fps=30
bpy.ops.cospeech.add_character()
arm=bpy.context.scene.cospeech.character
flat=poses.reshape(-1,55,3).astype(np.float32)
sys.path.insert(0,"/work/main")
from engine.skeleton import default_skeleton
tr=np.tile([0,default_skeleton().standing_height,0],(len(flat),1)).astype(np.float32)
apply_take(bpy.context,arm,Take(flat,tr,30.0),start_frame=1)
W,H=(200,220) if "close" not in views else (260,260)
with stage(bpy.context,arm,(W,H),5) as st:
    heads=st.bones(1); facing=st.facing(1)
    c=(heads["spine3"]+np.array([0,0,.06]))
    pts=c+np.array([[x,y,zz] for x in(-.56,.56) for y in(-.3,.3) for zz in(-.46,.50)])
    cells=[]
    per=len(labels)
    for i in range(per):
        row=[]
        for k in range(N):
            f=1+i*N+k
            for v in views:
                if v=="close":
                    hh=st.bones(f); kk=hh["right_middle1"]; b=kk+np.array(np.meshgrid([-1,1],[-1,1],[-1,1])).reshape(3,-1).T*.13
                    st.look(framing.fit(b,framing.view_rotation(facing,-15,5),(W,H),margin=0,head_room=0))
                else: st.look(framing.fit(pts,framing.view_rotation(facing,framing.VIEWS[v]),(W,H),margin=0.0))
                p=out/f"{f}_{v}.png"; st.render(p,f)
                im=bpy.data.images.load(str(p)); a=np.empty(W*H*4,np.float32); im.pixels.foreach_get(a); bpy.data.images.remove(im); p.unlink()
                row.append((a.reshape(H,W,4)[::-1,:,:3]*255).astype(np.uint8))
        cells.append(np.concatenate(row,1))
from PIL import Image, ImageDraw
cols=2 if len(views)*N<=6 else 1
rows_per=8
sheets=0
for s in range(0,per,rows_per*cols):
    chunk=cells[s:s+rows_per*cols]
    h=H+14; w=chunk[0].shape[1]
    img=Image.new("RGB",(w*cols,h*((len(chunk)+cols-1)//cols)),"white"); dr=ImageDraw.Draw(img)
    for n,cell in enumerate(chunk):
        x,y=(n%cols)*w,(n//cols)*h
        img.paste(Image.fromarray(cell),(x,y+14)); dr.text((x+4,y+1),str(labels[s+n]),fill="black")
    img.save(out/f"sheet{sheets}.png"); sheets+=1
print(sheets,flush=True); import os; os._exit(0)
