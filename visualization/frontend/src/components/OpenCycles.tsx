import type { UseQueryResult } from "@tanstack/react-query";
import type { Cycle } from "../api/types";
import { useActions } from "../hooks/useActions";
import { progress, remaining, unrealised } from "../lib/cycles";
import { duration, money, percent, price, quantity, shortDateTime, signed, tone, words } from "../lib/format";
import { useMarketClock, useTicker } from "../live/LiveProvider";
import { Price } from "./Price";
import { Badge, Confirm } from "./ui/controls";
import { Empty, Loaded } from "./ui/states";
import { SymbolLink } from "./ui/SymbolLink";

interface CyclesProps {
  query: UseQueryResult<Cycle[]>;
  onSymbol: (symbol: string) => void;
}

export function OpenCycles({ query, onSymbol }: CyclesProps) {
  return (
    <Loaded
      query={query}
      isEmpty={(cycles) => cycles.length === 0}
      empty={<Empty title="No open cycles" hint="A cycle opens when a consensus passes the risk rules and its order is sent." />}
    >
      {(cycles) => (
        <table className="data-table" data-testid="open-cycles">
          <thead>
            <tr>
              <th>Symbol</th>
              <th className="hidden @lg:table-cell">Strategy</th>
              <th className="hidden @3xl:table-cell">State</th>
              <th className="num hidden @2xl:table-cell">Quantity</th>
              <th className="num hidden @md:table-cell">Entry</th>
              <th className="num">Price</th>
              <th className="num">Unrealised</th>
              <th className="hidden @xl:table-cell">Stop to target</th>
              <th className="num hidden @4xl:table-cell">Age</th>
              <th />
            </tr>
          </thead>
          <tbody>
            {cycles.map((cycle) => (
              <Row key={cycle.id} cycle={cycle} onSymbol={onSymbol} />
            ))}
          </tbody>
        </table>
      )}
    </Loaded>
  );
}

function Row({ cycle, onSymbol }: { cycle: Cycle; onSymbol: (symbol: string) => void }) {
  const { closeCycle } = useActions();
  const clock = useMarketClock();
  const last = useTicker(cycle.symbol)?.price;
  const estimate = unrealised(cycle, last);
  const isHeld = estimate !== null;
  return (
    <tr data-testid={`cycle-${cycle.id}`}>
      <td>
        <SymbolLink symbol={cycle.symbol} onSymbol={onSymbol} />
      </td>
      <td className="hidden text-soft @lg:table-cell">{words(cycle.strategy)}</td>
      <td className="hidden @3xl:table-cell">
        <Badge tone={isHeld ? "accent" : "neutral"}>{words(cycle.status)}</Badge>
      </td>
      <td className="num hidden @2xl:table-cell">{quantity(remaining(cycle))}</td>
      <td className="num hidden @md:table-cell">{price(cycle.entry_price)}</td>
      <td className="num">
        <Price symbol={cycle.symbol} />
      </td>
      <td className={`num font-medium ${tone(estimate?.pnl)}`} title={isHeld ? `Worth ${money(estimate.value)}` : ""}>
        {signed(estimate?.pnl)} <span className="text-2xs font-normal">{percent(estimate?.percent)}</span>
      </td>
      <td className="hidden @xl:table-cell">
        <StopToTarget cycle={cycle} last={last} />
      </td>
      <td className="num hidden text-soft @4xl:table-cell" title={shortDateTime(cycle.created_at)}>
        {clock === null ? "" : duration(Date.parse(cycle.created_at), clock.marketMs)}
      </td>
      <td className="num">
        <Confirm
          question="Close it?"
          className="!px-2 !py-0 !text-2xs"
          testId={`close-${cycle.id}`}
          onConfirm={() => closeCycle(cycle.id, cycle.symbol)}
        >
          Close
        </Confirm>
      </td>
    </tr>
  );
}

/** Where the price stands on its way from stop to target; the mark is the entry. */
function StopToTarget({ cycle, last }: { cycle: Cycle; last: string | undefined }) {
  const now = progress(cycle, last);
  const entry = progress(cycle, cycle.entry_price);
  return (
    <div className="flex items-center gap-2 text-2xs tabular-nums">
      <span className="hidden w-16 text-right text-down/90 @4xl:inline">{price(cycle.stop_price)}</span>
      <div className="relative h-1 w-20 rounded-full bg-gradient-to-r from-down/50 via-line-strong to-up/50">
        {entry !== null && <span className="absolute -top-0.5 h-2 w-px bg-muted" style={{ left: `${entry * 100}%` }} />}
        {now !== null && (
          <span
            className="absolute -top-1 size-3 -translate-x-1/2 rounded-full border-2 border-panel bg-ink transition-[left] duration-300"
            style={{ left: `${now * 100}%` }}
          />
        )}
      </div>
      <span className="hidden w-16 text-up/90 @4xl:inline">{price(cycle.take_profit_price)}</span>
    </div>
  );
}
