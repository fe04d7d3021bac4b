import { createContext, useContext } from "react";
import type { OrderRequest } from "../api/types";

export interface Actions {
  pause: () => void;
  resume: () => void;
  closeCycle: (cycleId: string, symbol: string) => void;
  cancelOrder: (orderId: string, symbol: string) => void;
  placeOrder: (order: OrderRequest) => void;
  askForToken: () => void;
}

export const ActionsContext = createContext<Actions | null>(null);

export function useActions(): Actions {
  const actions = useContext(ActionsContext);
  if (actions === null) throw new Error("useActions needs an ActionsProvider above it");
  return actions;
}
