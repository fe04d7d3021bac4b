import { useQueryClient, type QueryKey } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import { useChannel } from "../live/LiveProvider";

/** Fetch queries again when a channel speaks, at most once in ``pauseMs``: the last event is never left out. */
export function useRefresh(channel: string, keys: readonly QueryKey[], pauseMs = 800): void {
  const queries = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const latest = useRef(keys);
  latest.current = keys;

  const onData = useCallback(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      for (const queryKey of latest.current) void queries.invalidateQueries({ queryKey });
    }, pauseMs);
  }, [queries, pauseMs]);

  useEffect(() => () => clearTimeout(timer.current), []);
  useChannel(channel, onData);
}
