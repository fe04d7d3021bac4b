/** House rules of the sources, as tests. */

import { describe, expect, it } from "vitest";
import { COLORS } from "../src/lib/colors";

const css = import.meta.glob<string>("../src/index.css", { query: "?raw", import: "default", eager: true });
const theme = Object.values(css)[0] ?? "";
const sources = import.meta.glob<string>("../src/**/*.{ts,tsx}", { query: "?raw", import: "default", eager: true });
const files = Object.entries(sources).map(([path, text]) => ({ path: path.replace("../src/", ""), text }));

describe("colours", () => {
  it("have one place: the theme", () => {
    const elsewhere = files.filter(({ text }) => /#[0-9a-f]{6}\b|rgba?\(/i.test(text)).map(({ path }) => path);
    expect(elsewhere).toEqual([]);
  });

  it.each(COLORS)("that a canvas reads are there: %s", (name) => {
    expect(theme).toMatch(new RegExp(`--color-${name}: #[0-9a-f]{6};`));
  });
});

describe("imports", () => {
  it("point down: nothing below the components knows one", () => {
    const below = files.filter(({ path }) => /^(api|hooks|lib|live)\//.test(path));
    expect(below.length).toBeGreaterThan(10);
    expect(below.filter(({ text }) => /from "\.\.\/components\//.test(text)).map(({ path }) => path)).toEqual([]);
  });
});
