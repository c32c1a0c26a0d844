/** The lengths of examples as bars, as plain data for ECharts. */

import type { LengthBar } from '@/api/preflight'
import type { ChartLook } from './chartLook'

export interface HistogramWords {
  tokens: string
  examples: string
}

/** A bar counts as too long where even its shortest example is; one that straddles the limit does not. */
export function isTooLong(bar: LengthBar, limit: number): boolean {
  return bar.low > limit
}

export function histogramOption(bars: LengthBar[], limit: number, look: ChartLook, words: HistogramWords) {
  const axisText = { color: look.text, fontSize: 11 }
  return {
    animation: false,
    textStyle: { fontFamily: look.font },
    grid: { left: 8, right: 16, top: 12, bottom: 24, outerBoundsMode: 'same' as const, outerBoundsContain: 'axisLabel' as const },
    xAxis: {
      type: 'category' as const,
      data: bars.map(({ low, high }) => (low === high ? String(low) : `${low}–${high}`)),
      name: words.tokens,
      nameLocation: 'middle' as const,
      nameGap: 24,
      nameTextStyle: axisText,
      axisLabel: { ...axisText, hideOverlap: true },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: look.line } },
    },
    yAxis: {
      type: 'value' as const,
      minInterval: 1,
      axisLabel: axisText,
      splitLine: { lineStyle: { color: look.line } },
    },
    tooltip: {
      trigger: 'axis' as const,
      renderMode: 'richText' as const,
      axisPointer: { type: 'shadow' as const },
      backgroundColor: look.surface,
      borderColor: look.line,
      textStyle: { color: look.text, fontSize: 12, fontFamily: look.font },
    },
    series: [
      {
        type: 'bar' as const,
        name: words.examples,
        barCategoryGap: '12%',
        data: bars.map((bar) => ({
          value: bar.count,
          // Left out: told by its stripes as well as by its colour.
          itemStyle: isTooLong(bar, limit)
            ? { color: look.validation, decal: { symbol: 'rect', rotation: Math.PI / 4, dashArrayX: [1, 0], dashArrayY: [3, 3], color: look.surface } }
            : { color: look.train },
        })),
      },
    ],
  }
}
