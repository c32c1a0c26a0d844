import { useI18n } from 'vue-i18n'
import type { SettingValue } from '@/api/types'
import { formatExact } from '@/lib/format'

/** The names and explanations of a run's settings; one that these pages do not know yet keeps its own name. */
export function useSettingWords() {
  const { t, te } = useI18n()
  const word = (name: string, kind: 'label' | 'hint') => {
    const key = `setting.${name}.${kind}`
    return te(key) ? t(`setting.${name}.${kind}`) : ''
  }
  return {
    label: (name: string) => word(name, 'label') || name,
    hint: (name: string) => word(name, 'hint'),
    value: (value: SettingValue) => {
      if (value === null || value === '') return t('common.none')
      if (typeof value === 'boolean') return t(value ? 'settingValue.yes' : 'settingValue.no')
      if (typeof value === 'number') return formatExact(value)
      return Array.isArray(value) ? value.join(', ') : String(value)
    },
  }
}
