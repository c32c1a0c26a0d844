/** The colours of charts on light and on dark paper. */

export interface ChartLook {
  font: string
  train: string
  validation: string
  text: string
  line: string
  surface: string
  /** To tell several runs apart, together with a dash and a name. */
  runs: readonly string[]
}

const LIGHT = {
  train: '#2a548a', validation: '#b45309', text: '#57534e', line: '#e6e1d9', surface: '#fdfcfa',
  runs: ['#2a548a', '#b45309', '#1c7a3f', '#8b2f6b', '#57534e', '#0f766e'],
}
const DARK = {
  train: '#8fb1d8', validation: '#e9b44c', text: '#aaa29a', line: '#36322d', surface: '#22201d',
  runs: ['#8fb1d8', '#e9b44c', '#6fcf91', '#dda0c8', '#d6d0c9', '#5fd0c5'],
}

export function chartLook(font: string, isDark: boolean): ChartLook {
  return { font, ...(isDark ? DARK : LIGHT) }
}
