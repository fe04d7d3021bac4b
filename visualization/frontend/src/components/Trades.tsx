import type { UseQueryResult } from "@tanstack/react-query";
import type { Trade } from "../api/types";
import { money, price, quantity, shortDateTime, words } from "../lib/format";
import { SideTag } from "./ui/controls";
import { Empty, Loaded } from "./ui/states";
import { SymbolLink } from "./ui/SymbolLink";

interface TradesProps {
  query: UseQueryResult<Trade[]>;
  onSymbol: (symbol: string) => void;
}

export function Trades({ query, onSymbol }: TradesProps) {
  return (
    <Loaded
      query={query}
      isEmpty={(trades) => trades.length === 0}
      empty={<Empty title="No trades yet" hint="Every fill the exchange reports is listed here." />}
    >
      {(trades) => (
        <table className="data-table" data-testid="trades">
          <thead>
            <tr>
              <th>Time</th>
              <th>Symbol</th>
              <th>Side</th>
              <th className="hidden @lg:table-cell">Purpose</th>
              <th className="num">Price</th>
              <th className="num">Quantity</th>
              <th className="num hidden @md:table-cell">Value</th>
              <th className="num hidden @2xl:table-cell">Fee</th>
              <th className="hidden @3xl:table-cell">Role</th>
            </tr>
          </thead>
          <tbody>
            {trades.map((trade) => (
              <tr key={trade.id}>
                <td className="text-muted tabular-nums">{shortDateTime(trade.time)}</td>
                <td>
                  <SymbolLink symbol={trade.symbol} onSymbol={onSymbol} />
                </td>
                <td>
                  <SideTag side={trade.side} />
                </td>
                <td className="hidden text-soft @lg:table-cell">{words(trade.purpose)}</td>
                <td className="num">{price(trade.price)}</td>
                <td className="num">{quantity(trade.quantity)}</td>
                <td className="num hidden @md:table-cell">{money(trade.quote_quantity)}</td>
                <td className="num hidden text-soft @2xl:table-cell">
                  {quantity(trade.fee)} {trade.fee_asset}
                </td>
                <td className="hidden text-muted @3xl:table-cell">{words(trade.role)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Loaded>
  );
}
