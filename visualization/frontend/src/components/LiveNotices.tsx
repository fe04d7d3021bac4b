import { useCallback } from "react";
import type { Trade } from "../api/types";
import { price, quantity } from "../lib/format";
import { useChannel } from "../live/LiveProvider";
import { useNotices } from "./Notices";

type Fill = Pick<Trade, "symbol" | "side" | "price" | "quantity">;

/** Says each fill as it happens. */
export function LiveNotices() {
  const notices = useNotices();
  const onTrade = useCallback(
    (data: unknown) => {
      const fill = data as Fill;
      notices.add({
        level: fill.side === "BUY" ? "up" : "down",
        title: `${fill.side === "BUY" ? "Bought" : "Sold"} ${fill.symbol}`,
        detail: `${quantity(fill.quantity)} at ${price(fill.price)}`,
      });
    },
    [notices],
  );
  useChannel("trades", onTrade);
  return null;
}
