"""The admin page: one HTML page that polls the control door and shows what goes on in the twin."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>RootTrading twin</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root{color-scheme:light dark;--line:#8884}
body{font:14px/1.45 system-ui,sans-serif;margin:1.2rem;max-width:1400px}
h1{font-size:1.2rem;margin:.2rem 0}h2{font-size:1rem;margin:1.2rem 0 .3rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.15rem .5rem;border-bottom:1px solid var(--line)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.bid{color:#0a7d38}.ask{color:#c0262d}.bad{color:#c0262d;font-weight:600}
input,button{font:inherit;padding:.15rem .4rem}code{font-size:12px}
#status{color:#888}
</style></head><body>
<h1>Binance twin</h1>
<form id="door"><label>Control token <input id="token" type="password" autocomplete="off" size="34"></label>
<button>Show</button> <span id="status"></span> <a href="/control/docs">control API</a></form>
<div id="body" hidden>
<p id="clock"></p>
<h2>Markets</h2><table><thead><tr><th>Symbol</th><th>Status</th><th class="n">Last</th><th class="n">Bid</th>
<th class="n">Size</th><th class="n">Ask</th><th class="n">Size</th></tr></thead><tbody id="markets"></tbody></table>
<h2>Accounts</h2><table><thead><tr><th>Name</th><th>API key</th><th>Balances</th>
<th class="n">Open orders</th></tr></thead>
<tbody id="accounts"></tbody></table>
<h2>Open orders</h2><table><thead><tr><th>Account</th><th>Symbol</th><th>Side</th><th>Type</th><th class="n">Price</th>
<th class="n">Quantity</th><th class="n">Executed</th><th>Status</th><th>Client id</th></tr></thead>
<tbody id="orders"></tbody></table>
<h2>Faults in force</h2><table><thead><tr><th>#</th><th>Fault</th><th>Chance</th><th class="n">Hits</th>
<th>Match</th></tr></thead><tbody id="faults"></tbody></table>
</div>
<script>
"use strict";
const el = id => document.getElementById(id);
const text = value => value === null || value === undefined ? "" : String(value);
function fill(id, rows) {
  el(id).replaceChildren(...rows.map(cells => {
    const row = document.createElement("tr");
    for (const [value, kind] of cells) {
      const cell = row.insertCell();
      cell.textContent = text(value);
      if (kind) cell.className = kind;
    }
    return row;
  }));
}
const best = levels => levels.length ? levels[0] : ["", ""];
function show(state) {
  const clock = state.clock, streams = state.streams;
  el("clock").textContent = `${new Date(clock.market_ms).toISOString()} (${clock.mode}, x${clock.speed}, skew`
    + ` ${clock.skew_ms} ms)`
    + ` | ${streams.connections} stream and ${streams.user_connections} user connections, ${streams.published} messages`
    + ` | audit ${state.audit_ok ? "in order" : "FAILS"}`;
  el("clock").className = state.audit_ok ? "" : "bad";
  fill("markets", state.markets.map(m => { const b = best(m.bids), a = best(m.asks);
    return [[m.symbol], [m.status, m.status === "TRADING" ? "" : "bad"], [m.last, "n"], [b[0], "n bid"], [b[1], "n"],
            [a[0], "n ask"], [a[1], "n"]]; }));
  fill("accounts", state.accounts.map(a => [[a.name], [a.api_key],
    [Object.entries(a.balances).map(([asset, b]) => `${asset} ${b.free}${+b.locked ? " + " + b.locked : ""}`)
      .join(", ")],
    [a.open_orders, "n"]]));
  fill("orders", state.orders.map(o => [[o.account], [o.symbol], [o.side], [o.type], [o.price, "n"], [o.quantity, "n"],
    [o.executed, "n"], [o.status], [o.client_order_id]]));
  fill("faults", state.faults.map(f => [[f.id], [f.fault], [f.count === null ? f.probability : `next ${f.count}`],
    [f.hits, "n"], [JSON.stringify(f.match)]]));
}
let timer = null;
async function poll() {
  clearTimeout(timer);
  try {
    const answer = await fetch("/control/v1/state", {headers: {"X-Control-Token": el("token").value}});
    if (!answer.ok) throw new Error(answer.status === 401 ? "wrong token" : `HTTP ${answer.status}`);
    show(await answer.json());
    el("body").hidden = false;
    el("status").textContent = "";
    sessionStorage.setItem("token", el("token").value);
  } catch (error) { el("status").textContent = error.message; }
  timer = setTimeout(poll, 1000);
}
el("door").addEventListener("submit", event => { event.preventDefault(); poll(); });
const kept = location.hash.slice(1) || sessionStorage.getItem("token");
if (kept) { el("token").value = kept; poll(); }
</script></body></html>
"""
