import { useEffect, useRef, useState } from "react";
import { price, toNumber } from "../lib/format";
import { useTicker } from "../live/LiveProvider";

/** A live price that takes the colour of its move for a moment. */
export function Price({ symbol, className = "" }: { symbol: string; className?: string }) {
  const text = useTicker(symbol)?.price;
  const before = useRef<number | null>(null);
  const [flash, setFlash] = useState({ direction: "", count: 0 });

  useEffect(() => {
    const now = toNumber(text);
    const last = before.current;
    before.current = now;
    if (now === null || last === null || now === last) return;
    setFlash((old) => ({ direction: now > last ? "flash-up" : "flash-down", count: old.count + 1 }));
  }, [text]);

  return (
    <span key={flash.count} className={`tabular-nums ${flash.direction} ${className}`}>
      {price(text)}
    </span>
  );
}
