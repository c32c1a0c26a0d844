/** Noisy curves made readable. */

import type { Point } from './metrics'

/** How much of what came before stays in each smoothed value, by the name of the choice. */
export const SMOOTHINGS = { none: 0, light: 0.6, medium: 0.85, strong: 0.95 } as const
export type Smoothing = keyof typeof SMOOTHINGS

export function isSmoothing(name: string): name is Smoothing {
  return name in SMOOTHINGS
}

/**
 * The exponential moving average of a curve, corrected for its beginning (as Adam's moments are),
 * so that the first value is the first measured one and not a part of it.
 */
export function smoothed(points: Point[], weight: number): Point[] {
  let sum = 0
  let share = 0
  return points.map(([step, value]) => {
    sum = weight * sum + (1 - weight) * value
    share = weight * share + (1 - weight)
    return [step, sum / share]
  })
}
