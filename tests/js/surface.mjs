// What of the official client is there to be called: every public method of its classes, and every
// function it exports. What is private is known from its types alone: to the prototypes all are
// alike.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const CLASSES = {
  Auth: 'auth/apis',
  CloudbaseOAuth: 'index',
  OAuth2Client: 'oauth2client/oauth2client',
  Captcha: 'captcha/captcha',
}

export function surface(modules) {
  const from = createRequire(join(modules, 'package.json'))
  const main = from.resolve('@cloudbase/oauth')
  const methods = Object.entries(CLASSES).flatMap(([name, file]) => {
    const { prototype } = from(join(dirname(main), file))[name]
    const inner = hidden(join(dirname(main), `${file}.d.ts`), name)
    const all = Object.getOwnPropertyNames(prototype).filter((each) => each !== 'constructor')
    const open = all.filter((each) => !inner.has(each))
    // The methods of `Auth` go by their names alone.
    return open.map((each) => (name === 'Auth' ? each : `${name}.${each}`))
  })
  const exported = Object.entries(from('@cloudbase/oauth'))
  const functions = exported.filter(([, value]) => typeof value === 'function')
  return { methods, functions: functions.map(([name]) => name) }
}

// The names that a class keeps to itself.
function hidden(types, name) {
  const text = readFileSync(types, 'utf8')
  const declared = text.slice(text.indexOf(`export declare class ${name} `))
  const body = declared.slice(0, declared.indexOf('\n}'))
  const names = body.matchAll(/^ {4}(?:private|protected) (?:static )?(?:readonly )?(\w+)/gm)
  return new Set([...names].map((found) => found[1]))
}
