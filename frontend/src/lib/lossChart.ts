/** What the loss chart draws, as plain data for ECharts. */

import type { Point } from './metrics'

export interface ChartLook {
  font: string
  train: string
  validation: string
  text: string
  line: string
  surface: string
}

export interface ChartWords {
  train: string
  validation: string
  step: string
}

/** Both curves over the steps; the run's whole length is drawn, so that one sees how far it is. */
export function lossOption(
  train: Point[],
  validation: Point[],
  totalSteps: number,
  look: ChartLook,
  words: ChartWords,
) {
  const axisText = { color: look.text, fontSize: 11 }
  const common = { type: 'line' as const, sampling: 'lttb' as const, animation: false }
  return {
    animation: false,
    textStyle: { fontFamily: look.font },
    grid: { left: 8, right: 16, top: 12, bottom: 24, containLabel: true },
    xAxis: {
      type: 'value' as const,
      min: 0,
      max: Math.max(totalSteps, train.at(-1)?.[0] ?? 0, 1),
      minInterval: 1,
      name: words.step,
      nameLocation: 'middle' as const,
      nameGap: 24,
      nameTextStyle: axisText,
      axisLabel: axisText,
      axisLine: { lineStyle: { color: look.line } },
      splitLine: { show: false },
    },
    yAxis: {
      type: 'value' as const,
      min: 0,
      axisLabel: axisText,
      splitLine: { lineStyle: { color: look.line } },
    },
    tooltip: {
      trigger: 'axis' as const,
      // Text drawn on the canvas: no HTML, no inline styles.
      renderMode: 'richText' as const,
      backgroundColor: look.surface,
      borderColor: look.line,
      textStyle: { color: look.text, fontSize: 12, fontFamily: look.font },
      valueFormatter: (value: unknown) => (typeof value === 'number' ? value.toFixed(4) : ''),
    },
    series: [
      {
        ...common,
        name: words.train,
        data: train,
        color: look.train,
        lineStyle: { width: 2 },
        // A curve of a few points is told by its points.
        showSymbol: train.length < 40,
        symbolSize: 4,
      },
      {
        ...common,
        name: words.validation,
        data: validation,
        color: look.validation,
        lineStyle: { width: 2, type: 'dashed' as const },
        symbol: 'diamond',
        symbolSize: 7,
      },
    ],
  }
}
