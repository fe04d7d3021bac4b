import "@fontsource-variable/inter/index.css";
import "./index.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/client";
import { App } from "./App";
import { ActionsProvider } from "./components/ActionsProvider";
import { NoticesProvider } from "./components/Notices";
import { LiveProvider } from "./live/LiveProvider";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      // The service is asked again soon anyway; a request it refused is not worth repeating.
      retry: (failures, error) => !(error instanceof ApiError && error.status < 500) && failures < 2,
    },
  },
});

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <NoticesProvider>
        <LiveProvider>
          <ActionsProvider>
            <App />
          </ActionsProvider>
        </LiveProvider>
      </NoticesProvider>
    </QueryClientProvider>
  </StrictMode>,
);
