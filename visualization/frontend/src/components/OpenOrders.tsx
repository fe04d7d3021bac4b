import type { UseQueryResult } from "@tanstack/react-query";
import type { Order } from "../api/types";
import { useActions } from "../hooks/useActions";
import { price, quantity, shortDateTime, words } from "../lib/format";
import { Badge, Confirm, SideTag } from "./ui/controls";
import { Empty, Loaded } from "./ui/states";
import { SymbolLink } from "./ui/SymbolLink";

interface OrdersProps {
  query: UseQueryResult<Order[]>;
  onSymbol: (symbol: string) => void;
}

const PROTECTION = new Set(["stop_loss", "take_profit"]);

export function OpenOrders({ query, onSymbol }: OrdersProps) {
  const { cancelOrder } = useActions();
  return (
    <Loaded
      query={query}
      isEmpty={(orders) => orders.length === 0}
      empty={<Empty title="No open orders" hint="Resting entries and the protection of open cycles are listed here." />}
    >
      {(orders) => (
        <table className="data-table" data-testid="open-orders">
          <thead>
            <tr>
              <th className="hidden @2xl:table-cell">Placed</th>
              <th>Symbol</th>
              <th>Side</th>
              <th>Type</th>
              <th className="hidden @xl:table-cell">Purpose</th>
              <th className="hidden @3xl:table-cell">State</th>
              <th className="num">Price</th>
              <th className="num">Trigger</th>
              <th className="num hidden @3xl:table-cell">Filled</th>
              <th />
            </tr>
          </thead>
          <tbody>
            {orders.map((order) => (
              <tr key={order.id}>
                <td className="hidden text-muted tabular-nums @2xl:table-cell">{shortDateTime(order.created_at)}</td>
                <td>
                  <SymbolLink symbol={order.symbol} onSymbol={onSymbol} />
                </td>
                <td>
                  <SideTag side={order.side} />
                </td>
                <td className="text-soft">{words(order.type)}</td>
                <td className="hidden text-soft @xl:table-cell">{words(order.purpose)}</td>
                <td className="hidden @3xl:table-cell">
                  <Badge tone={order.status === "UNKNOWN" ? "warn" : "neutral"}>{words(order.status)}</Badge>
                </td>
                <td className="num">{price(order.price)}</td>
                <td className="num">{price(order.stop_price)}</td>
                <td className="num hidden @3xl:table-cell">
                  {quantity(order.executed_quantity)}
                  <span className="text-muted"> / {quantity(order.quantity)}</span>
                </td>
                <td className="num">
                  <Confirm
                    question={PROTECTION.has(order.purpose) ? "Remove protection?" : "Cancel it?"}
                    className="!px-2 !py-0 !text-2xs"
                    onConfirm={() => cancelOrder(order.id, order.symbol)}
                  >
                    Cancel
                  </Confirm>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Loaded>
  );
}
