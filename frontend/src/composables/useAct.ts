import { ref } from 'vue'
import { useToast } from '@nuxt/ui/composables'
import { useI18n } from 'vue-i18n'
import { useErrorText } from './useErrorText'

/** Runs one action of a person: busy while it runs, a note when it fails. Returns whether it worked. */
export function useAct() {
  const { t } = useI18n()
  const errorText = useErrorText()
  const toast = useToast()
  const isBusy = ref(false)

  async function act(action: () => Promise<unknown>): Promise<boolean> {
    if (isBusy.value) return false
    isBusy.value = true
    try {
      await action()
      return true
    } catch (error) {
      toast.add({ title: t('error.title'), description: errorText(error), color: 'error', icon: 'i-lucide-circle-alert' })
      return false
    } finally {
      isBusy.value = false
    }
  }

  return { act, isBusy }
}
