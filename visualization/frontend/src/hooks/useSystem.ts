import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { api, reply } from "../api/client";
import type { PlatformHealth } from "../api/types";
import { useChannel } from "../live/LiveProvider";

/** Mode, symbols, trading state and alerts. */
export function useSystem() {
  return useQuery({
    queryKey: ["system"],
    queryFn: ({ signal }) => reply(api.GET("/api/system", { signal })),
    refetchInterval: 5_000,
  });
}

/** Health of the nine services: fetched once, then pushed. */
export function useHealth() {
  const queries = useQueryClient();
  const onData = useCallback(
    (data: unknown) => queries.setQueryData<PlatformHealth>(["health"], data as PlatformHealth),
    [queries],
  );
  useChannel("health", onData);
  return useQuery({
    queryKey: ["health"],
    // 503 says that something is unhealthy, and what.
    queryFn: ({ signal }) => reply(api.GET("/api/health", { signal }), [503]),
    refetchInterval: 30_000,
  });
}
