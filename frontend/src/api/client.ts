/** The only place that talks HTTP. Everything it refuses or cannot do is an `ApiError`. */

export interface ErrorBody {
  code: string
  message: string
  details: Record<string, unknown>
}

/** A request that failed: refused by the server, or `status` 0 when it never got there. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  /** The server's machine code, or ours: `network`, `aborted`, `unreadable`. */
  readonly code: string
  readonly details: Record<string, unknown>

  constructor(status: number, body: ErrorBody) {
    super(body.message)
    this.status = status
    this.code = body.code
    this.details = body.details
  }
}

export type Query = Record<string, string | number | boolean | null | undefined>

export interface RequestOptions {
  query?: Query
  body?: unknown
  signal?: AbortSignal
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

const ROOT = '/api/v1'

let whenSignedOut: () => void = () => undefined
let acceptLanguage = ''

/** What to do when the server no longer knows who we are. */
export function onSignedOut(handler: () => void): void {
  whenSignedOut = handler
}

/** The language in which the server words its answers for who is not signed in. */
export function setAcceptLanguage(language: string): void {
  acceptLanguage = language
}

/** Sends one JSON request below `/api/v1` and returns the answer's body. */
export async function request<Answer>(method: Method, path: string, options: RequestOptions = {}): Promise<Answer> {
  const response = await send(method, address(path, options.query), options)
  const body = await readBody(response)
  if (!response.ok) {
    const error = new ApiError(response.status, errorBody(body, response))
    if (error.status === 401 || error.code === 'not_signed_in') whenSignedOut()
    throw error
  }
  return body as Answer
}

/** All rows of a paginated list, following `next` to the end. */
export async function requestAll<Row>(path: string, options: RequestOptions = {}): Promise<Row[]> {
  const rows: Row[] = []
  let page = await request<{ results: Row[]; next: string | null }>('GET', path, options)
  for (;;) {
    rows.push(...page.results)
    if (page.next === null) return rows
    page = await requestNext(page.next, options.signal)
  }
}

/** The page behind a `next` link. Only its path is used, so the browser stays on its own origin. */
export function requestNext<Page>(next: string, signal?: AbortSignal): Promise<Page> {
  const url = new URL(next, window.location.origin)
  return request<Page>('GET', url.pathname.replace(ROOT, '') + url.search, { signal })
}

/**
 * Sends one JSON request and hands on the server-sent events of its answer, each a JSON object,
 * until the server says that it is done. An answer that breaks off before is an error.
 */
export async function requestEvents<Event>(
  path: string,
  options: RequestOptions & { onEvent: (event: Event) => void },
): Promise<void> {
  const response = await send('POST', address(path), options)
  if (!response.ok || response.body === null) {
    const error = new ApiError(response.status, errorBody(await readBody(response), response))
    if (error.status === 401) whenSignedOut()
    throw error
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let waiting = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      const events = (waiting + value).split('\n\n')
      waiting = events.pop() ?? ''
      for (const event of events) {
        const data = event.replace(/^data: /, '')
        if (data === '[DONE]') return
        options.onEvent(JSON.parse(data) as Event)
      }
    }
  } catch (cause) {
    const code = options.signal?.aborted ? 'aborted' : 'network'
    throw new ApiError(0, { code, message: String(cause), details: {} })
  } finally {
    // Before the end this closes the request, which stops the computing; after it, it does nothing.
    void reader.cancel().catch(() => undefined)
  }
  throw new ApiError(0, { code: 'network', message: 'The answer broke off.', details: {} })
}

function address(path: string, query: Query = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '')
  if (given.length === 0) return ROOT + path
  const search = new URLSearchParams(given.map(([key, value]) => [key, String(value)]))
  return `${ROOT}${path}${path.includes('?') ? '&' : '?'}${search.toString()}`
}

async function send(method: Method, url: string, options: RequestOptions): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (acceptLanguage) headers['Accept-Language'] = acceptLanguage
  if (options.body !== undefined) headers['Content-Type'] = 'application/json'
  if (method !== 'GET') headers['X-CSRFToken'] = readCookie('csrftoken')
  try {
    return await fetch(url, {
      method,
      headers,
      credentials: 'same-origin',
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
      ...(options.signal && { signal: options.signal }),
    })
  } catch (cause) {
    const code = options.signal?.aborted ? 'aborted' : 'network'
    throw new ApiError(0, { code, message: String(cause), details: {} })
  }
}

async function readBody(response: Response): Promise<unknown> {
  if (response.status === 204) return undefined
  const text = await response.text()
  const isJson = response.headers.get('Content-Type')?.includes('json') ?? false
  if (!isJson) return text
  try {
    return JSON.parse(text)
  } catch {
    throw new ApiError(response.status, { code: 'unreadable', message: text.slice(0, 200), details: {} })
  }
}

function errorBody(body: unknown, response: Response): ErrorBody {
  const error = (body as { error?: Partial<ErrorBody> } | undefined)?.error
  return {
    code: error?.code ?? 'unreadable',
    message: error?.message ?? `${response.status} ${response.statusText}`.trim(),
    details: error?.details ?? {},
  }
}

export function readCookie(name: string): string {
  const entry = document.cookie.split('; ').find((pair) => pair.startsWith(`${name}=`))
  return entry ? decodeURIComponent(entry.slice(name.length + 1)) : ''
}
