import type { UseQueryResult } from "@tanstack/react-query";
import type { Cycle } from "../api/types";
import { duration, percent, price, quantity, shortDateTime, signed, tone, words } from "../lib/format";
import { Badge } from "./ui/controls";
import { Empty, Loaded } from "./ui/states";
import { SymbolLink } from "./ui/SymbolLink";

interface ClosedProps {
  query: UseQueryResult<Cycle[]>;
  onSymbol: (symbol: string) => void;
}

const TONES = { completed: "neutral", canceled: "warn", failed: "down" } as const;

export function ClosedCycles({ query, onSymbol }: ClosedProps) {
  return (
    <Loaded
      query={query}
      isEmpty={(cycles) => cycles.length === 0}
      empty={<Empty title="No closed cycles yet" hint="Completed cycles appear here with their net profit or loss." />}
    >
      {(cycles) => (
        <table className="data-table" data-testid="closed-cycles">
          <thead>
            <tr>
              <th>Closed</th>
              <th>Symbol</th>
              <th className="hidden @2xl:table-cell">Strategy</th>
              <th className="hidden @lg:table-cell">Outcome</th>
              <th className="num hidden @3xl:table-cell">Quantity</th>
              <th className="num hidden @xl:table-cell">Entry</th>
              <th className="num hidden @xl:table-cell">Exit</th>
              <th className="num">Net PnL</th>
              <th className="num">PnL %</th>
              <th className="num hidden @4xl:table-cell">Held</th>
            </tr>
          </thead>
          <tbody>
            {cycles.map((cycle) => (
              <tr key={cycle.id}>
                <td className="text-muted tabular-nums">{shortDateTime(cycle.completed_at)}</td>
                <td>
                  <SymbolLink symbol={cycle.symbol} onSymbol={onSymbol} />
                </td>
                <td className="hidden text-soft @2xl:table-cell">{words(cycle.strategy)}</td>
                <td className="hidden @lg:table-cell" title={words(cycle.reason)}>
                  <Badge tone={TONES[cycle.status as keyof typeof TONES] ?? "neutral"}>
                    {words(cycle.reason === "" ? cycle.status : cycle.reason)}
                  </Badge>
                </td>
                <td className="num hidden @3xl:table-cell">{quantity(cycle.quantity)}</td>
                <td className="num hidden @xl:table-cell">{price(cycle.entry_price)}</td>
                <td className="num hidden @xl:table-cell">{price(cycle.exit_price)}</td>
                <td className={`num font-medium ${tone(cycle.profit_loss)}`}>{signed(cycle.profit_loss)}</td>
                <td className={`num ${tone(cycle.profit_loss_percent)}`}>{percent(cycle.profit_loss_percent)}</td>
                <td className="num hidden text-soft @4xl:table-cell">
                  {cycle.completed_at === null
                    ? ""
                    : duration(Date.parse(cycle.created_at), Date.parse(cycle.completed_at))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Loaded>
  );
}
