/** Curves over steps or epochs, as plain data for ECharts. */

import type { ChartLook } from './chartLook'
import type { Point } from './metrics'

export interface Line {
  name: string
  points: Point[]
  color: string
  /** How the curve is told apart without its colour. */
  dash?: 'solid' | 'dashed' | 'dotted'
  /** Stands behind the others: measured values behind their smoothed curve. */
  isPale?: boolean
  hasSymbols?: boolean
  /** One point that is named on the curve. */
  mark?: { at: Point; label: string } | undefined
}

export interface CurvesAxes {
  x: string
  /** The end of the x axis; as far as the curves go if not given. */
  xMax?: number | undefined
  /** The y axis begins at zero, else near the lowest value. */
  fromZero?: boolean
  /** Steps are whole, epochs are not. */
  isWhole?: boolean
  /** A small chart has fewer lines and no name at its axis. */
  isSmall?: boolean
  format?: (value: number) => string
}

/** A curve of few points is told by its points. */
const FEW_POINTS = 40

export function curvesOption(lines: Line[], axes: CurvesAxes, look: ChartLook) {
  const { isSmall = false, format = (value: number) => value.toFixed(4) } = axes
  const axisText = { color: look.text, fontSize: isSmall ? 10 : 11 }
  const furthest = Math.max(...lines.map(({ points }) => points.at(-1)?.[0] ?? 0), axes.isWhole === false ? 0 : 1)
  return {
    animation: false,
    textStyle: { fontFamily: look.font },
    grid: { left: 8, right: 16, top: 12, bottom: isSmall ? 4 : 24, outerBoundsMode: 'same' as const, outerBoundsContain: 'axisLabel' as const },
    xAxis: {
      type: 'value' as const,
      min: 0,
      max: Math.max(axes.xMax ?? 0, furthest),
      ...(axes.isWhole !== false && { minInterval: 1 }),
      ...(isSmall ? { splitNumber: 3 } : { name: axes.x, nameLocation: 'middle' as const, nameGap: 24, nameTextStyle: axisText }),
      axisLabel: axisText,
      axisLine: { lineStyle: { color: look.line } },
      splitLine: { show: false },
    },
    yAxis: {
      type: 'value' as const,
      ...(axes.fromZero === false ? { scale: true } : { min: 0 }),
      ...(isSmall && { splitNumber: 3 }),
      axisLabel: { ...axisText, ...(axes.format && { formatter: (value: number) => format(value) }) },
      splitLine: { lineStyle: { color: look.line } },
    },
    tooltip: {
      trigger: 'axis' as const,
      // Text drawn on the canvas: no HTML, no inline styles.
      renderMode: 'richText' as const,
      backgroundColor: look.surface,
      borderColor: look.line,
      textStyle: { color: look.text, fontSize: 12, fontFamily: look.font },
      valueFormatter: (value: unknown) => (typeof value === 'number' ? format(value) : ''),
    },
    series: lines.map((line) => seriesOf(line, look)),
  }
}

function seriesOf({ name, points, color, dash = 'solid', isPale = false, hasSymbols = false, mark }: Line, look: ChartLook) {
  return {
    type: 'line' as const,
    sampling: 'lttb' as const,
    animation: false,
    name,
    data: points,
    color,
    lineStyle: { width: isPale ? 1 : 2, type: dash, opacity: isPale ? 0.3 : 1 },
    ...(isPale && { silent: true, tooltip: { show: false } }),
    symbol: hasSymbols ? 'diamond' : 'circle',
    symbolSize: hasSymbols ? 7 : 4,
    showSymbol: !isPale && (hasSymbols || points.length < FEW_POINTS),
    ...(mark && {
      markPoint: {
        silent: true,
        symbol: 'circle',
        symbolSize: 13,
        itemStyle: { color: 'transparent', borderColor: color, borderWidth: 2 },
        label: { show: true, position: 'top' as const, color: look.text, fontSize: 11, formatter: mark.label },
        data: [{ coord: mark.at }],
      },
    }),
  }
}
