import { useCallback, useSyncExternalStore } from "react";
import { TIMEFRAMES, type Timeframe } from "../api/types";

export interface Selection {
  symbol: string;
  timeframe: Timeframe;
}

export function parseSelection(hash: string): Selection {
  const [symbol = "", frame = ""] = hash.replace(/^#\/?/, "").split("/");
  const timeframe = TIMEFRAMES.find((known) => known === frame) ?? "1m";
  return { symbol: /^[A-Z0-9]{3,20}$/.test(symbol) ? symbol : "", timeframe };
}

function listen(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

/** The symbol and time frame on screen live in the address, so that a view can be kept and shared. */
export function useSelection() {
  const hash = useSyncExternalStore(listen, () => window.location.hash);
  const selection = parseSelection(hash);
  const select = useCallback((change: Partial<Selection>) => {
    const next = { ...parseSelection(window.location.hash), ...change };
    window.location.hash = `/${next.symbol}/${next.timeframe}`;
  }, []);
  return { ...selection, select };
}
