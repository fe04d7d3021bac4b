import { useState } from "react";
import { Activity } from "./components/Activity";
import { AlertStrip } from "./components/AlertStrip";
import { PriceChart } from "./components/chart/PriceChart";
import { Header } from "./components/Header";
import { OrderTicket } from "./components/OrderTicket";
import { Breakdown, Performance } from "./components/Performance";
import { Balances, Pockets } from "./components/Portfolio";
import { StatusBar } from "./components/StatusBar";
import { SymbolList } from "./components/SymbolList";
import { useSelection } from "./hooks/useSelection";
import { useSystem } from "./hooks/useSystem";

export function App() {
  const system = useSystem();
  const selection = useSelection();
  const [isOrdering, setIsOrdering] = useState(false);
  const symbol = selection.symbol || (system.data?.symbols[0] ?? "");
  const quote = system.data?.quote_asset ?? "";
  const onSymbol = (next: string) => selection.select({ symbol: next });

  return (
    <div className="flex min-h-dvh flex-col lg:h-dvh" data-testid="dashboard">
      <Header system={system.data} onOrder={() => setIsOrdering(true)} />
      <AlertStrip alerts={system.data?.alerts ?? []} isUnreachable={system.isError} />
      <main className="grid min-h-0 flex-1 grid-cols-1 gap-2 p-2 lg:grid-cols-[13.5rem_minmax(0,1fr)_21rem]">
        <SymbolList selected={symbol} onSelect={onSymbol} />
        <div className="grid min-h-0 min-w-0 grid-rows-[26rem_auto] gap-2 lg:grid-rows-[minmax(0,1.75fr)_minmax(0,1fr)]">
          {symbol === "" ? (
            <div className="grid place-items-center rounded-lg border border-line bg-panel text-muted">
              {system.isError ? system.error.message : "Loading…"}
            </div>
          ) : (
            <PriceChart
              symbol={symbol}
              quote={quote}
              timeframe={selection.timeframe}
              onTimeframe={(timeframe) => selection.select({ symbol, timeframe })}
            />
          )}
          <Activity onSymbol={onSymbol} />
        </div>
        <aside className="grid min-h-0 content-start gap-2 sm:grid-cols-2 lg:flex lg:flex-col lg:overflow-y-auto [&>*]:shrink-0">
          <Performance />
          <Pockets />
          <Balances quote={quote} />
          <Breakdown />
        </aside>
      </main>
      <StatusBar />
      {isOrdering && system.data !== undefined && symbol !== "" && (
        <OrderTicket symbol={symbol} system={system.data} onClose={() => setIsOrdering(false)} />
      )}
    </div>
  );
}
