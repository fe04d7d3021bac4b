import { useQueryClient, type QueryKey } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import { useChannel } from "../live/LiveProvider";

/** Fetch queries again when a channel speaks, at most once in ``pauseMs``: the last event is never left out.
 *
 * For what an event does not say by itself: a cycle's event has neither its fees nor what is left of it, a decision's
 * not what became of it, a balance's neither its value nor the pockets. Fills say everything: see useTrades. */
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
