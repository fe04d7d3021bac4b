import type { Alert } from "../api/types";
import { useConnection } from "../live/LiveProvider";

const LOOK = {
  error: "border-down/35 bg-down/10",
  warning: "border-warn/35 bg-warn/10",
  info: "border-accent/30 bg-accent/8",
} as const;
const INK = { error: "text-down", warning: "text-warn", info: "text-accent" } as const;

export function AlertStrip({ alerts, isUnreachable }: { alerts: readonly Alert[]; isUnreachable: boolean }) {
  const connection = useConnection();
  const shown = [...alerts];
  if (connection === "lost" || isUnreachable) {
    shown.unshift({
      id: "connection",
      level: "warning",
      title: "Connection lost",
      detail: "Prices on screen are the last known ones. Reconnecting by itself.",
    });
  }
  if (shown.length === 0) return null;
  return (
    <div className="flex flex-col gap-1.5 px-2 pt-2" role="alert" data-testid="alerts">
      {shown.map((alert) => (
        <p key={alert.id} className={`rounded-md border px-3 py-1.5 text-[0.857rem] ${LOOK[alert.level]}`}>
          <span className={`mr-2 font-semibold ${INK[alert.level]}`}>{alert.title}</span>
          <span className="text-soft">{alert.detail}</span>
        </p>
      ))}
    </div>
  );
}
