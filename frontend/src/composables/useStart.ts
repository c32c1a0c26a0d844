import { ref } from 'vue'
import { useRouter } from 'vue-router'
import { ApiError } from '@/api/client'

/** The first question to the server, who we are, decides every page: what to show when it has no answer. */
export function useStart() {
  const router = useRouter()
  const problem = ref(false)

  router.onError((error) => {
    if (error instanceof ApiError) problem.value = true
    // A page's code that is gone after an update of the server: the new page knows where it is now.
    else if (/dynamically imported module|module script failed/i.test(String(error))) window.location.reload()
  })

  async function retry(): Promise<void> {
    problem.value = false
    await router.replace(window.location.pathname + window.location.search)
  }

  return { problem, retry }
}
