import type { Balance, Pocket } from "../api/types";
import { usePortfolio } from "../hooks/usePortfolio";
import { money, quantity, toNumber, words } from "../lib/format";
import { useTicker } from "../live/LiveProvider";
import { Panel } from "./ui/Panel";
import { Empty, Loaded } from "./ui/states";

export function Pockets() {
  const { pockets } = usePortfolio();
  return (
    <Panel title="Pockets" aside={<Key />} testId="pockets">
      <Loaded
        query={pockets}
        rows={3}
        isEmpty={(all) => all.length === 0}
        empty={<Empty title="No pockets yet" hint="Capital is divided at the first balance sync." />}
      >
        {(all) => (
          <ul className="space-y-2.5 px-3.5 pb-3.5">
            {all.map((pocket) => (
              <PocketBar key={pocket.name} pocket={pocket} />
            ))}
          </ul>
        )}
      </Loaded>
    </Panel>
  );
}

function Key() {
  return (
    <span className="flex gap-2.5">
      {[
        ["bg-accent", "Used"],
        ["bg-warn", "Reserved"],
        ["bg-line-strong", "Available"],
      ].map(([color, name]) => (
        <span key={name} className="flex items-center gap-1">
          <span className={`size-1.5 rounded-full ${color}`} />
          {name}
        </span>
      ))}
    </span>
  );
}

function PocketBar({ pocket }: { pocket: Pocket }) {
  const total = toNumber(pocket.total) ?? 0;
  const share = (text: string) => (total > 0 ? `${Math.min(100, ((toNumber(text) ?? 0) / total) * 100)}%` : "0%");
  return (
    <li data-testid={`pocket-${pocket.name}`}>
      <div className="mb-1 flex items-baseline justify-between text-[0.857rem]">
        <span>
          {words(pocket.name)} <span className="text-2xs text-muted">{money(pocket.share_percent, 0)}%</span>
        </span>
        <span className="tabular-nums">
          {money(pocket.available)} <span className="text-2xs text-muted">of {money(pocket.total)}</span>
        </span>
      </div>
      <div
        className="flex h-1.5 gap-px overflow-hidden rounded-full bg-line-strong/60"
        title={`Used ${money(pocket.used)}, reserved ${money(pocket.reserved)}, available ${money(pocket.available)} ${pocket.asset}`}
      >
        <span className="bg-accent transition-[width] duration-300" style={{ width: share(pocket.used) }} />
        <span className="bg-warn transition-[width] duration-300" style={{ width: share(pocket.reserved) }} />
      </div>
    </li>
  );
}

export function Balances({ quote }: { quote: string }) {
  const { balances } = usePortfolio();
  return (
    <Panel title="Balances" aside={`valued in ${quote}`} testId="balances" className="max-h-72" bodyClassName="overflow-auto">
      <Loaded
        query={balances}
        rows={3}
        isEmpty={(all) => all.length === 0}
        empty={<Empty title="No balances yet" />}
      >
        {(all) => (
          <table className="data-table">
            <tbody>
              {all.map((balance) => (
                <BalanceRow key={balance.asset} balance={balance} quote={quote} />
              ))}
            </tbody>
          </table>
        )}
      </Loaded>
    </Panel>
  );
}

function BalanceRow({ balance, quote }: { balance: Balance; quote: string }) {
  const last = toNumber(useTicker(`${balance.asset}${quote}`)?.price);
  const total = toNumber(balance.total) ?? 0;
  const value = balance.asset === quote ? total : last === null ? toNumber(balance.value_quote) : last * total;
  const locked = toNumber(balance.locked) ?? 0;
  return (
    <tr>
      <td className="font-medium">{balance.asset}</td>
      <td className="num text-soft" title={`free ${balance.free}, locked ${balance.locked}`}>
        {balance.asset === quote ? money(balance.total) : quantity(balance.total)}
        {locked > 0 && <span className="ml-1 text-2xs text-warn">{Math.round((locked / total) * 100)}% locked</span>}
      </td>
      <td className="num">{money(value)}</td>
    </tr>
  );
}
