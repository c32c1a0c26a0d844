/** What the loss chart draws: two curves, the measured training loss pale behind the smoothed one. */

import type { ChartLook } from './chartLook'
import { curvesOption, type Line } from './curvesChart'
import type { Point } from './metrics'
import { smoothed } from './smoothing'

export interface ChartWords {
  train: string
  validation: string
  step: string
  best: string
}

export interface LossCurves {
  train: Point[]
  validation: Point[]
  /** The run's whole length is drawn, so that one sees how far it is. */
  totalSteps: number
  /** How much of the past stays in the smoothed curve. */
  weight: number
  bestStep: number | null
}

export function lossOption({ train, validation, totalSteps, weight, bestStep }: LossCurves, look: ChartLook, words: ChartWords) {
  const best = validation.find(([step]) => step === bestStep)
  const lines: Line[] = [
    ...(weight > 0 ? [{ name: words.train, points: train, color: look.train, isPale: true }] : []),
    { name: words.train, points: smoothed(train, weight), color: look.train },
    {
      name: words.validation,
      points: validation,
      color: look.validation,
      dash: 'dashed',
      hasSymbols: true,
      mark: best && { at: best, label: words.best },
    },
  ]
  return curvesOption(lines, { x: words.step, xMax: totalSteps }, look)
}
