import { useI18n } from 'vue-i18n'
import * as format from '@/lib/format'

/** The formats of `lib/format` in the language that is on. */
export function useFormat() {
  const { locale } = useI18n()
  return {
    number: (value: number, digits = 0) => format.formatNumber(value, locale.value, digits),
    percent: (share: number) => format.formatPercent(share, locale.value),
    bytes: (bytes: number) => format.formatBytes(bytes, locale.value),
    duration: (seconds: number) => format.formatDuration(seconds, locale.value),
    dateTime: (iso: string) => format.formatDateTime(iso, locale.value),
    small: format.formatSmall,
  }
}
