/** What the loss chart draws, as plain data for ECharts. */

import type { Point } from './metrics'

export interface ChartColours {
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
  colours: ChartColours,
  words: ChartWords,
) {
  const axisText = { color: colours.text, fontSize: 11 }
  const common = { type: 'line' as const, sampling: 'lttb' as const, animation: false }
  return {
    animation: false,
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
      axisLine: { lineStyle: { color: colours.line } },
      splitLine: { show: false },
    },
    yAxis: {
      type: 'value' as const,
      min: 0,
      axisLabel: axisText,
      splitLine: { lineStyle: { color: colours.line } },
    },
    tooltip: {
      trigger: 'axis' as const,
      // Text drawn on the canvas: no HTML, no inline styles.
      renderMode: 'richText' as const,
      backgroundColor: colours.surface,
      borderColor: colours.line,
      textStyle: { color: colours.text, fontSize: 12 },
      valueFormatter: (value: unknown) => (typeof value === 'number' ? value.toFixed(4) : ''),
    },
    series: [
      {
        ...common,
        name: words.train,
        data: train,
        color: colours.train,
        lineStyle: { width: 2 },
        // A curve of a few points is told by its points.
        showSymbol: train.length < 40,
        symbolSize: 4,
      },
      {
        ...common,
        name: words.validation,
        data: validation,
        color: colours.validation,
        lineStyle: { width: 2, type: 'dashed' as const },
        symbol: 'diamond',
        symbolSize: 7,
      },
    ],
  }
}
