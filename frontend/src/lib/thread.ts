/** The branch of a message tree that the page shows. */

interface Node {
  id: string
  parent: string | null
}

/** From the first question down to `leafId`; empty when the leaf is unknown. */
export function branchOf<Item extends Node>(messages: ReadonlyMap<string, Item>, leafId: string | null): Item[] {
  const branch: Item[] = []
  const seen = new Set<string>()
  let id = leafId
  while (id !== null && !seen.has(id)) {
    const message = messages.get(id)
    if (message === undefined) break
    seen.add(id)
    branch.push(message)
    id = message.parent
  }
  return branch.reverse()
}
