/** Where to go after signing in. */

/** `next` when it is a path of this site, else the chat page: nobody is sent to a foreign host. */
export function safeNext(next: unknown, origin: string = window.location.origin): string {
  if (typeof next !== 'string' || !next.startsWith('/')) return '/'
  let url: URL
  try {
    url = new URL(next, origin)
  } catch {
    return '/'
  }
  if (url.origin !== origin || url.pathname === '/signin') return '/'
  return url.pathname + url.search + url.hash
}
