import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo, useState, type ReactNode } from "react";
import { act, ApiError } from "../api/client";
import { readToken } from "../api/token";
import { ActionsContext, type Actions } from "../hooks/useActions";
import { useNotices } from "../hooks/useNotices";
import { TokenDialog } from "./TokenDialog";

interface Action {
  label: string;
  method: "POST" | "DELETE";
  path: string;
  body?: unknown;
}

const SETTLE_MS = 600;

/** Everything that changes something goes through here: it asks for the token when it is needed, sends, and says
 * what came of it. */
export function ActionsProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const notices = useNotices();
  const [waiting, setWaiting] = useState<Action | null>(null);
  const [tokenProblem, setTokenProblem] = useState<string | null>(null);
  const [isAsking, setIsAsking] = useState(false);

  const send = useCallback(
    async (action: Action) => {
      try {
        await act<unknown>(action.method, action.path, action.body);
        notices.add({ level: "info", title: action.label, detail: "Done" });
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) {
          setWaiting(action);
          setTokenProblem(error.message);
          setIsAsking(true);
          return;
        }
        const detail = error instanceof Error ? error.message : String(error);
        notices.add({ level: "error", title: `${action.label} failed`, detail });
      }
      // Answers are shared between screens for a moment: one from before the action would be shown as the new state.
      setTimeout(() => void queries.invalidateQueries(), SETTLE_MS);
    },
    [notices, queries],
  );

  const run = useCallback(
    (action: Action) => {
      if (readToken() !== null) {
        void send(action);
        return;
      }
      setWaiting(action);
      setTokenProblem(null);
      setIsAsking(true);
    },
    [send],
  );

  const actions = useMemo<Actions>(
    () => ({
      pause: () => run({ label: "Pause trading", method: "POST", path: "/api/trader/config/pause" }),
      resume: () => run({ label: "Resume trading", method: "POST", path: "/api/trader/config/resume" }),
      closeCycle: (cycleId, symbol) =>
        run({
          label: `Close ${symbol}`,
          method: "POST",
          path: `/api/trader/close/${encodeURIComponent(cycleId)}`,
        }),
      cancelOrder: (orderId, symbol) =>
        run({
          label: `Cancel order on ${symbol}`,
          method: "DELETE",
          path: `/api/trader/order/${encodeURIComponent(orderId)}`,
        }),
      placeOrder: (order) =>
        run({
          label: `${order.side === "BUY" ? "Buy" : "Sell"} ${order.quantity} ${order.symbol}`,
          method: "POST",
          path: "/api/trader/order",
          body: order,
        }),
      askForToken: () => {
        setWaiting(null);
        setTokenProblem(null);
        setIsAsking(true);
      },
    }),
    [run],
  );

  return (
    <ActionsContext value={actions}>
      {children}
      {isAsking && (
        <TokenDialog
          problem={tokenProblem}
          purpose={waiting?.label ?? null}
          onCancel={() => setIsAsking(false)}
          onToken={() => {
            setIsAsking(false);
            if (waiting !== null) void send(waiting);
            setWaiting(null);
          }}
        />
      )}
    </ActionsContext>
  );
}
