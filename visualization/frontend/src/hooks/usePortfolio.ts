import { useQuery } from "@tanstack/react-query";
import { get } from "../api/client";
import type { Balance, Pocket } from "../api/types";
import { useRefresh } from "./useRefresh";

/** Pockets and balances, kept current by the `balances` channel. */
export function usePortfolio() {
  useRefresh("balances", [["balances"], ["pockets"]]);
  const balances = useQuery({
    queryKey: ["balances"],
    queryFn: ({ signal }) => get<Balance[]>("/api/balances", signal),
    refetchInterval: 15_000,
  });
  const pockets = useQuery({
    queryKey: ["pockets"],
    queryFn: ({ signal }) => get<Pocket[]>("/api/pockets", signal),
    refetchInterval: 10_000,
  });
  return { balances, pockets };
}
