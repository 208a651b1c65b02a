--- The report page's style sheet and script: inside the page, so that it needs nothing else and works from a mail or a share.
-- @module tcb.report.style
local M = {}

M.CSS = [[
:root{--bg:#fbfbf9;--fg:#1d2126;--dim:#5b636d;--line:#d9dcd6;--card:#fff;--ok:#1f7a4d;--bad:#b3261e;--warn:#8a5a00;--wait:#4a5f8a;--bar:#3a6ea5}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e7e9ea;--dim:#a2abb4;--line:#343a41;--card:#1c2024;--ok:#5cc08d;--bad:#f28b82;
--warn:#e0b152;--wait:#9db4e3;--bar:#7fb0e3}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:64rem;padding:1.5rem 1rem 3rem;background:var(--bg);color:var(--fg);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{font-size:1.5rem;margin:0 0 .25rem;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:2.2rem 0 .6rem}
p{margin:.4rem 0}.dim{color:var(--dim)}
.cards{display:grid;grid-template-columns:repeat(4,1fr);gap:.6rem;margin:1.2rem 0;padding:0;list-style:none}
.cards li{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem}
.cards b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}.cards span{color:var(--dim);font-size:.85rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;background:var(--card);border:1px solid var(--line)}
caption{text-align:left;color:var(--dim);padding:.2rem 0 .4rem;font-size:.9rem}
th,td{padding:.35rem .6rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:middle}
th{font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.bar{width:45%;min-width:7rem}.bar i{display:block;height:.8rem;border-radius:.2rem;background:var(--bar);min-width:2px}
.bar i.z{background:none}
i.ok{background:var(--ok)!important}i.bad{background:var(--bad)!important}i.warn{background:var(--warn)!important}i.wait{background:var(--wait)!important}
svg{width:100%;height:auto;background:var(--card);border:1px solid var(--line)}
svg .b{fill:var(--bar)}svg .c{stroke:var(--bad);stroke-dasharray:6 4;stroke-width:1.5}svg .a{stroke:var(--line)}
svg text{fill:var(--fg);font-size:13px;paint-order:stroke;stroke:var(--card);stroke-width:5px}
.ends{display:flex;justify-content:space-between;gap:1rem;font-size:.85rem;color:var(--dim)}.ends span:last-child{text-align:right}
label{display:block;margin:.4rem 0}input{font:inherit;width:100%;max-width:28rem;padding:.4rem .6rem;color:inherit;background:var(--card);
border:1px solid var(--dim);border-radius:.3rem}
button{font:inherit;padding:.3rem .8rem;margin:.6rem .4rem 0 0;color:inherit;background:var(--card);border:1px solid var(--dim);border-radius:.3rem}
input:focus-visible,button:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--bar);outline-offset:1px}
code{overflow-wrap:anywhere}td code{white-space:nowrap}.scroll[tabindex] td{white-space:nowrap}.scroll[tabindex] td.w{white-space:normal;min-width:9rem}
@media (max-width:34rem){.cards{grid-template-columns:1fr 1fr}th,td{padding:.35rem .45rem}td.bar{width:4rem;min-width:4rem}.scroll[tabindex] td.w{min-width:6rem}svg text{font-size:28px}}
@media print{:root{--bg:#fff;--fg:#000;--dim:#444;--line:#bbb;--card:#fff;--ok:#1f7a4d;--bad:#b3261e;--warn:#8a5a00;--wait:#4a5f8a;--bar:#3a6ea5}
body{max-width:none;font-size:11pt}table{font-size:9.5pt}.scroll{overflow:visible}.scroll[tabindex] td,td code{white-space:normal}.screen{display:none}h2{break-after:avoid}tr,svg{break-inside:avoid}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
]]

--- Searches and pages through the failures. `F`: rows [line, number, starts_at text, outcome, reason index, batch], `R`: reasons.
M.JS = [=[
(function(){var d=JSON.parse(document.getElementById("data").textContent),F=d.rows,R=d.reasons,P=100,at=0,hits=F,
body=document.getElementById("rows"),q=document.getElementById("q"),said=document.getElementById("said"),
prev=document.getElementById("prev"),next=document.getElementById("next");
function n(x){return String(x).replace(/\B(?=(\d{3})+$)/g,",")}
function cell(tr,text,cls){var td=document.createElement("td");td.textContent=text;if(cls)td.className=cls;tr.appendChild(td)}
function show(){body.textContent="";hits.slice(at,at+P).forEach(function(r){var tr=document.createElement("tr");
cell(tr,r[0],"n");cell(tr,r[1]);cell(tr,r[3]);cell(tr,R[r[4]],"w");cell(tr,r[2]);cell(tr,r[5]||"","n");body.appendChild(tr)});
said.textContent=hits.length?"Rows "+n(at+1)+" to "+n(Math.min(at+P,hits.length))+" of "+n(hits.length):"No row matches";
prev.disabled=at===0;next.disabled=at+P>=hits.length}
function find(){var w=q.value.toLowerCase().split(/\s+/).filter(Boolean);at=0;
hits=w.length?F.filter(function(r){var t=(r[0]+" "+r[1]+" "+r[2]+" "+r[3]+" "+R[r[4]]+" "+(r[5]||"")).toLowerCase();
return w.every(function(x){return t.indexOf(x)>=0})}):F;show()}
q.addEventListener("input",find);prev.addEventListener("click",function(){at=Math.max(0,at-P);show()});
next.addEventListener("click",function(){at+=P;show()});show()})();
]=]

return M
