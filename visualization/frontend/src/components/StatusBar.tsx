import { useCallback, useState } from "react";
import type { Fill, ServiceHealth } from "../api/types";
import { useHealth } from "../hooks/useSystem";
import { clockTime, price, quantity, words } from "../lib/format";
import { useChannel } from "../live/LiveProvider";

/** The nine services and the last fill in one line, always in sight. */
export function StatusBar() {
  const query = useHealth();
  const services = Object.values(query.data?.services ?? {});
  const healthy = services.filter((service) => service.healthy).length;
  return (
    <footer
      className="flex flex-wrap items-center gap-x-4 gap-y-1 border-t border-line px-3 py-1.5 text-2xs"
      data-testid="services"
    >
      {services.map((service) => (
        <Service key={service.name} service={service} />
      ))}
      <span className="ml-auto">
        <LastFill />
      </span>
      <span className="text-muted">
        {services.length > 0 && `${healthy} of ${services.length} services healthy`}
        {services.length === 0 && (query.error === null ? "Asking the services…" : query.error.message)}
      </span>
    </footer>
  );
}

function Service({ service }: { service: ServiceHealth }) {
  const broken = Object.entries(service.dependencies)
    .filter(([, isUp]) => !isUp)
    .map(([name]) => name);
  const trouble = broken.length > 0 ? broken.join(", ") : service.state;
  const latency = service.latency_ms === null ? "" : `answered in ${Math.round(service.latency_ms)} ms`;
  return (
    <span
      className={`flex items-center gap-1.5 whitespace-nowrap ${service.healthy ? "text-soft" : "text-down"}`}
      title={[service.detail, latency, service.url].filter((part) => part !== "").join("\n")}
      data-testid={`service-${service.name}`}
      data-healthy={service.healthy}
    >
      <span className={`size-1.5 rounded-full ${service.healthy ? "bg-up" : "bg-down"}`} />
      {words(service.name)}
      {!service.healthy && <span className="text-down/80">{trouble}</span>}
    </span>
  );
}

/** Says each fill as it happens, without covering anything: in a fast market there are many. */
function LastFill() {
  const [fill, setFill] = useState<Fill | null>(null);
  useChannel(
    "trades",
    useCallback((data: unknown) => setFill(data as Fill), []),
  );
  if (fill === null) return null;
  const isBuy = fill.side === "BUY";
  return (
    <span key={fill.execution_id} className="appear flex gap-1.5 whitespace-nowrap" aria-live="polite" data-testid="last-fill">
      <span className="text-muted tabular-nums">{clockTime(Date.parse(fill.occurred_at))}</span>
      <span className={isBuy ? "text-up" : "text-down"}>{isBuy ? "Bought" : "Sold"}</span>
      <span>
        {quantity(fill.quantity)} {fill.symbol}
      </span>
      <span className="text-muted">at {price(fill.price)}</span>
    </span>
  );
}
