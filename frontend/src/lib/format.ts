/** Numbers, times and durations as people read them in their language. */

export function formatNumber(value: number, locale: string, digits = 0): string {
  return new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value)
}

export function formatPercent(share: number, locale: string): string {
  return new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 }).format(share)
}

/** A small measured value such as a learning rate: 0.0005, and 2.5e-6 where zeros would have to be counted. */
export function formatSmall(value: number): string {
  return formatExact(Number(value.toPrecision(3)))
}

/** Every digit of a number that somebody chose; with an exponent where zeros would have to be counted. */
export function formatExact(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential() : String(value)
}

export function formatBytes(bytes: number, locale: string): string {
  const megabytes = bytes / 2 ** 20
  return megabytes < 1024
    ? `${formatNumber(megabytes, locale)} MB`
    : `${formatNumber(megabytes / 1024, locale, 1)} GB`
}

/** “45 s”, “2 min 5 s”, “1 h 12 min”, by the platform's own words. */
export function formatDuration(seconds: number, locale: string): string {
  const whole = Math.max(0, Math.round(seconds))
  const parts: [number, string][] = [
    [Math.floor(whole / 3600), 'hour'],
    [Math.floor((whole % 3600) / 60), 'minute'],
    [whole % 60, 'second'],
  ]
  const first = parts.findIndex(([value]) => value > 0)
  const shown = first < 0 ? parts.slice(2) : parts.slice(first, first + 2).filter(([value]) => value > 0)
  return shown
    .map(([value, unit]) => new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'short' }).format(value))
    .join(' ')
}

export function formatDateTime(iso: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(iso))
}

export type Age = 'today' | 'yesterday' | 'week' | 'older'

/** In which group of the conversation list a time belongs, by calendar days of the reader. */
export function ageOf(iso: string, now: Date): Age {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime()
  const time = new Date(iso).getTime()
  const day = 24 * 3600 * 1000
  if (time >= midnight) return 'today'
  if (time >= midnight - day) return 'yesterday'
  return time >= midnight - 6 * day ? 'week' : 'older'
}
