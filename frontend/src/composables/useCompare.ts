import { onScopeDispose, reactive, ref } from 'vue'
import { ApiError } from '@/api/client'
import { compareAsk } from '@/api/evaluations'
import type { ModelName } from '@/api/types'

export interface ComparedAnswer {
  text: string
  isBusy: boolean
  error: unknown
}

/** One question to several models at once; a new one, a stop or leaving the page ends what is still coming. */
export function useCompare() {
  const answers = reactive<Partial<Record<ModelName, ComparedAnswer>>>({})
  const isBusy = ref(false)
  let controller = new AbortController()

  async function ask(adapter: string, question: string, models: ModelName[]): Promise<void> {
    clear()
    const mine = (controller = new AbortController())
    isBusy.value = true
    await Promise.all(models.map((model) => askOne(adapter, question, model, mine.signal)))
    if (mine === controller) isBusy.value = false
  }

  async function askOne(adapter: string, question: string, model: ModelName, signal: AbortSignal): Promise<void> {
    const answer = reactive<ComparedAnswer>({ text: '', isBusy: true, error: null })
    answers[model] = answer
    try {
      await compareAsk({ adapter, model, question }, (event) => {
        answer.text += event.text ?? ''
        if (event.error) answer.error = new ApiError(503, { ...event.error, details: {} })
      }, signal)
    } catch (cause) {
      if (!signal.aborted) answer.error = cause
    } finally {
      answer.isBusy = false
    }
  }

  function stop(): void {
    controller.abort()
    isBusy.value = false
  }
  onScopeDispose(stop)

  /** Ends what is coming and shows nothing, as before the first question. */
  function clear(): void {
    stop()
    for (const model of Object.keys(answers) as ModelName[]) answers[model] = undefined
  }

  return { answers, isBusy, ask, stop, clear }
}
