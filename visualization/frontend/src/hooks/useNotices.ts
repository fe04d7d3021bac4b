import { createContext, useContext } from "react";

export interface Notice {
  level: "info" | "error";
  title: string;
  detail: string;
}

export interface Notices {
  add: (notice: Notice) => void;
}

export const NoticesContext = createContext<Notices | null>(null);

export function useNotices(): Notices {
  const notices = useContext(NoticesContext);
  if (notices === null) throw new Error("useNotices needs a NoticesProvider above it");
  return notices;
}
