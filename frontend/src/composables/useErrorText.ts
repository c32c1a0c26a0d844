import { useI18n } from 'vue-i18n'
import { ApiError } from '@/api/client'

/** Words for a failure: the server's own sentence, or ours where it could not say one. */
export function useErrorText(): (error: unknown) => string {
  const { t } = useI18n()
  return (error) => {
    if (!(error instanceof ApiError)) return t('error.load')
    if (error.code === 'network') return t('error.network')
    if (error.code === 'unreadable') return t('error.unreadable')
    return error.message
  }
}
