import type { ServiceHealth } from "../api/types";
import { useHealth } from "../hooks/useSystem";
import { words } from "../lib/format";
import { Panel } from "./ui/Panel";
import { Loaded } from "./ui/states";

export function Services() {
  const query = useHealth();
  const services = Object.values(query.data?.services ?? {});
  const healthy = services.filter((service) => service.healthy).length;
  return (
    <Panel
      title="Services"
      aside={services.length > 0 ? `${healthy} of ${services.length} healthy` : undefined}
      testId="services"
    >
      <Loaded query={query} rows={4}>
        {(health) => (
          <ul className="grid grid-cols-2 gap-1 px-2 pb-2 xl:grid-cols-3">
            {Object.values(health.services).map((service) => (
              <Service key={service.name} service={service} />
            ))}
          </ul>
        )}
      </Loaded>
    </Panel>
  );
}

function Service({ service }: { service: ServiceHealth }) {
  const broken = Object.entries(service.dependencies)
    .filter(([, isUp]) => !isUp)
    .map(([name]) => name);
  const note = service.healthy
    ? service.latency_ms === null
      ? "ok"
      : `${Math.round(service.latency_ms)} ms`
    : broken.length > 0
      ? broken.join(", ")
      : service.state;
  return (
    <li
      className={`rounded-md px-2 py-1 ${service.healthy ? "bg-raised/60" : "bg-down/12"}`}
      title={service.detail || service.url}
      data-testid={`service-${service.name}`}
      data-healthy={service.healthy}
    >
      <span className="flex items-center gap-1.5 text-[0.8rem]">
        <span className={`size-1.5 shrink-0 rounded-full ${service.healthy ? "bg-up" : "bg-down"}`} />
        <span className="truncate">{words(service.name)}</span>
      </span>
      <span className={`block truncate pl-3 text-2xs ${service.healthy ? "text-muted" : "text-down"}`}>{note}</span>
    </li>
  );
}
