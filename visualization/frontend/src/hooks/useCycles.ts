import { useQuery } from "@tanstack/react-query";
import { api, reply } from "../api/client";
import type { Cycle } from "../api/types";
import { useRefresh } from "./useRefresh";

type Scope = "open" | "closed";

/** Cycles that are open or closed, newest first, kept current by the `cycles` channel. */
export function useCycles(scope: Scope, limit = 100) {
  useRefresh("cycles", [["cycles"], ["orders"]]);
  return useQuery({
    queryKey: ["cycles", scope, limit],
    queryFn: ({ signal }) => reply(api.GET("/api/trade-cycles", { params: { query: { status: scope, limit } }, signal })),
    refetchInterval: 15_000,
  });
}

/** The newest open cycle of a symbol: the one whose entry, stop and target belong on its chart. */
export function useCycle(symbol: string): Cycle | undefined {
  const { data } = useCycles("open");
  return data?.find((cycle) => cycle.symbol === symbol);
}

export function useOpenOrders() {
  return useQuery({
    queryKey: ["orders", "open"],
    queryFn: ({ signal }) => reply(api.GET("/api/orders", { params: { query: { status: "open", limit: 100 } }, signal })),
    refetchInterval: 10_000,
  });
}
