import { useState } from "react";
import { useCycles, useOpenOrders } from "../hooks/useCycles";
import { useSignals } from "../hooks/useSignals";
import { useTrades } from "../hooks/useTrades";
import { ClosedCycles } from "./ClosedCycles";
import { Decisions } from "./Decisions";
import { OpenCycles } from "./OpenCycles";
import { OpenOrders } from "./OpenOrders";
import { Trades } from "./Trades";
import { Tabs } from "./ui/controls";
import { Panel } from "./ui/Panel";

type Tab = "open" | "orders" | "trades" | "closed" | "decisions";

interface ActivityProps {
  onSymbol: (symbol: string) => void;
  className?: string;
}

export function Activity({ onSymbol, className = "" }: ActivityProps) {
  const [tab, setTab] = useState<Tab>("open");
  const open = useCycles("open");
  const closed = useCycles("closed");
  const orders = useOpenOrders();
  const trades = useTrades();
  const decisions = useSignals();
  return (
    <Panel className={className} bodyClassName="flex flex-col" testId="activity">
      <div className="shrink-0 border-b border-line px-1.5">
        <Tabs<Tab>
          active={tab}
          onSelect={setTab}
          tabs={[
            { id: "open", label: "Open cycles", count: open.data?.length },
            { id: "orders", label: "Open orders", count: orders.data?.length },
            { id: "trades", label: "Trades" },
            { id: "closed", label: "Closed cycles" },
            { id: "decisions", label: "Decisions" },
          ]}
        />
      </div>
      <div className="@container max-h-96 min-h-40 flex-1 overflow-auto lg:max-h-none lg:min-h-0" role="tabpanel">
        {tab === "open" && <OpenCycles query={open} onSymbol={onSymbol} />}
        {tab === "orders" && <OpenOrders query={orders} onSymbol={onSymbol} />}
        {tab === "trades" && <Trades query={trades} onSymbol={onSymbol} />}
        {tab === "closed" && <ClosedCycles query={closed} onSymbol={onSymbol} />}
        {tab === "decisions" && <Decisions query={decisions} onSymbol={onSymbol} />}
      </div>
    </Panel>
  );
}
