/** How long to wait before the next try. */

const FIRST_MS = 500
const LONGEST_MS = 15_000

/**
 * Milliseconds before try number `attempt` (from 0): doubling, capped, and spread by ±20 % so that
 * the tabs of a whole company do not come back in the same instant.
 */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const base = Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt)
  return Math.round(base * (0.8 + 0.4 * random()))
}
