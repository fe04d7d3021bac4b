import { useQuery } from "@tanstack/react-query";
import { api, reply } from "../api/client";
import { useRefresh } from "./useRefresh";

/** Pockets and balances, kept current by the `balances` channel. */
export function usePortfolio() {
  useRefresh("balances", [["balances"], ["pockets"]]);
  const balances = useQuery({
    queryKey: ["balances"],
    queryFn: ({ signal }) => reply(api.GET("/api/balances", { signal })),
    refetchInterval: 15_000,
  });
  const pockets = useQuery({
    queryKey: ["pockets"],
    queryFn: ({ signal }) => reply(api.GET("/api/pockets", { signal })),
    refetchInterval: 10_000,
  });
  return { balances, pockets };
}
