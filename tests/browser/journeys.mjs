// The journeys of a newcomer in a real browser, with JavaScript and without: set-up link, authenticator, invitation, upload,
// message, audit, export, verify. Then axe-core on every page in light, dark and at 320 px, and no violation of the policy.
// usage: node journeys.mjs COUNTERSIGN COUNTERSIGN_VERIFY CHROMIUM
import { spawn, execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [program, verifier, browserPath] = process.argv.slice(2);
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = process.env.JOURNEY_SHOTS;
if (shots) mkdirSync(shots, { recursive: true });
const PASSWORD = 'Seven otters sign 3 pacts';
let passed = 0;
let failed = 0;
const check = (name, good, why = '') => {
  if (good) passed += 1;
  else { failed += 1; console.log(`FAIL ${name} ${why}`); }
};

const freePort = () => new Promise((done) => {
  const server = createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => done(port)); });
});

const totp = (base32, at = Date.now()) => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  let bits = '';
  for (const c of base32.replace(/[^A-Z2-7]/g, '')) bits += alphabet.indexOf(c).toString(2).padStart(5, '0');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30000)));
  const mac = createHmac('sha1', key).update(counter).digest();
  const offset = mac[19] & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1000000).padStart(6, '0');
};

const start = async () => {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-journey-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const data = join(dir, 'data');
  execFileSync(program, ['keys', 'generate', '--data', data], { stdio: 'ignore' });
  const env = { ...process.env, COUNTERSIGN_PUBLIC_URL: url, COUNTERSIGN_SANDBOX_ENABLED: 'true', COUNTERSIGN_SANDBOX_DELAY_MS: '0', COUNTERSIGN_SANDBOX_FAILURE_PERCENT: '0' };
  const server = spawn(program, ['serve', '--data', data, '--listen', `127.0.0.1:${port}`], { env, stdio: ['ignore', 'inherit', 'pipe'] });
  let talk = '';
  server.stderr.on('data', (chunk) => { talk += chunk; });
  for (let n = 0; n < 300 && !existsSync(join(data, 'setup-link')); n += 1) await new Promise((done) => setTimeout(done, 100));
  if (!existsSync(join(data, 'setup-link'))) throw new Error(`the server did not start:\n${talk}`);
  const setup = readFileSync(join(data, 'setup-link'), 'utf8').trim();
  return { dir, data, url, setup, stop: () => { server.kill('SIGTERM'); return new Promise((done) => server.on('exit', () => { rmSync(dir, { recursive: true, force: true }); done(); })); } };
};

const watch = (page, name) => {
  page.on('console', (m) => { if (m.type() === 'error' && !/status of (4|5)\d\d/.test(m.text())) check(`${name}: console`, false, m.text()); });
  page.on('pageerror', (e) => check(`${name}: script`, false, e.message));
};

const axe = async (page, name) => {
  await page.evaluate(axeSource).catch(() => {});
  const result = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join(', ')}`);
  });
  check(`axe ${name}`, result.length === 0, result.join(' | '));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(`no sideways scroll ${name}`, wide <= 1, `${wide}px`);
};

const submit = (page, selector) => Promise.all([page.waitForLoadState('load'), page.locator(selector).click()]);

const firstSignIn = async (page, url, username) => {
  await page.goto(`${url}/login`);
  await page.fill('[name=username]', username);
  await page.fill('[name=password]', PASSWORD);
  await submit(page, 'main form button.primary');
  check(`${username} enrols`, page.url().endsWith('/login/enrol'), page.url());
  const text = await page.locator('main').innerText();
  const secret = text.match(/(?:[A-Z2-7]{4}[ \n]){7}[A-Z2-7]{4}/)[0];
  await page.fill('[name=code]', totp(secret));
  await submit(page, 'main form button.primary');
  check(`${username} sees ten codes`, (await page.locator('main').innerText()).match(/[a-z0-9]{5}-[a-z0-9]{5}-/g)?.length >= 10);
  await submit(page, 'form[action="/login/codes/kept"] button');
  check(`${username} is home`, new URL(page.url()).pathname === '/', page.url());
  return secret;
};

const journey = async (browser, js) => {
  const label = js ? 'with script' : 'without script';
  const server = await start();
  const context = async () => {
    const c = await browser.newContext({ javaScriptEnabled: js, acceptDownloads: true });
    const page = await c.newPage();
    watch(page, label);
    return page;
  };
  const admin = await context();
  await admin.goto(server.setup);
  await admin.fill('[name=username]', 'ada.admin');
  await admin.fill('[name=display_name]', 'Ada Admin');
  await admin.fill('[name=email]', 'ada@example.org');
  await admin.fill('[name=password]', PASSWORD);
  await admin.fill('[name=password_again]', PASSWORD);
  await submit(admin, 'main form button.primary');
  check(`${label}: set-up leads to sign-in`, admin.url().endsWith('/login'), admin.url());
  check(`${label}: the set-up link is gone`, (await admin.request.get(server.setup)).status() === 404);
  await firstSignIn(admin, server.url, 'ada.admin');

  const invite = async (username, name, roles) => {
    await admin.goto(`${server.url}/admin/users/invite`);
    await admin.fill('[name=username]', username);
    await admin.fill('[name=display_name]', name);
    for (const role of roles) await admin.check(`[name=roles][value=${role}]`);
    await submit(admin, 'main form button.primary');
    return (await admin.content()).match(/http:\/\/127[^"<\s]*\/link\/[A-Za-z0-9_-]+/)[0];
  };
  const join_ = async (link, username) => {
    const page = await context();
    await page.goto(link);
    await page.fill('[name=password]', PASSWORD);
    await page.fill('[name=password_again]', PASSWORD);
    await submit(page, 'main form button.primary');
    await firstSignIn(page, server.url, username);
    return page;
  };
  const staff = await join_(await invite('wren.staff', 'Wren Staff', ['contributor', 'messaging']), 'wren.staff');
  const officer = await join_(await invite('dana.officer', 'Dana Officer', ['compliance']), 'dana.officer');

  const pdf = join(server.dir, 'policy <b>bold<i>.pdf');
  writeFileSync(pdf, '%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n');
  await staff.goto(`${server.url}/evidence`);
  await staff.setInputFiles('#f-file', pdf);
  await staff.locator('form[enctype="multipart/form-data"] button[type=submit]').first().click();
  await staff.waitForURL(/\/evidence\/evd_/, { timeout: 15000 });
  check(`${label}: the upload is shown`, (await staff.locator('main').innerText()).includes('policy <b>bold<i>.pdf'));
  const artifact = staff.url();
  await staff.fill('#f-collector', 'Wren Staff');
  await staff.fill('#f-period_from', '2026-01-01');
  await submit(staff, '#about button.primary');
  await submit(staff, 'form[action$="/submit"] button');
  await officer.goto(artifact);
  await submit(officer, 'form[action$="/approve"] button');
  check(`${label}: somebody else approved it`, (await officer.locator('#state').innerText()).includes('Approved by Dana Officer'), officer.url());

  await staff.goto(`${server.url}/assess`);
  await staff.fill('[name=name]', 'Core network');
  await submit(staff, 'form[action="/assess/systems"] button');
  await staff.fill('[name=assessment]', 'Self-assessment');
  await submit(staff, 'form[action$="/assessments"] button');
  const desk = staff.url();
  check(`${label}: the desk has all objectives`, (await staff.locator('main').innerText()).includes('320 objectives.'), desk);
  if (js) {
    // The page's script is there when the page is loaded; the key is heard a moment later.
    await staff.waitForLoadState('load');
    await staff.keyboard.press('/');
    const found = await staff.waitForFunction(() => document.activeElement.id === 'q', null, { timeout: 10000 }).then(() => true, () => false);
    check(`${label}: / goes to the search`, found);
  }
  await staff.fill('#q', '3.4.4');
  await submit(staff, 'form[role=search] button');
  await staff.locator('ul.steps a').first().click();
  await staff.waitForLoadState('load');
  await staff.selectOption('#f-evidence', { index: 0 });
  await submit(staff, 'form[action$="/link"] button');
  await staff.selectOption('#f-finding', 'met');
  await staff.selectOption('#f-stage', 'complete');
  await submit(staff, '#finding button.primary');
  check(`${label}: the objective is verified`, (await staff.locator('main').innerText()).includes('Verified: found to be met'), staff.url());

  await staff.goto(`${server.url}/messages`);
  await staff.fill('[name=to]', '+1 415 555 2671');
  await staff.fill('[name=text]', 'Your appointment is on Tuesday at 10:00.');
  await submit(staff, 'main form button.primary');
  await staff.waitForLoadState('load');
  check(`${label}: the message is kept`, !(await staff.locator('main').innerText()).includes('There is a problem'));

  await officer.goto(`${server.url}/audit`);
  const trail = await officer.locator('main').innerText();
  check(`${label}: the officer sees the acts`, /upload/i.test(trail) && /message/i.test(trail), trail.slice(0, 400));
  await officer.locator('table a').first().click();
  await officer.waitForLoadState('load');
  check(`${label}: an entry has its own page`, /\/audit\/\d+/.test(officer.url()), officer.url());

  const out = join(server.dir, 'trail');
  const said = JSON.parse(execFileSync(program, ['audit', 'export', '--json', '--data', server.data, '--out', out]));
  execFileSync(verifier, [out, '--key', said.vkey]);
  check(`${label}: an outsider verifies ${said.entries} entries`, said.entries > 10);
  const bundle = join(out, 'tile/entries/000.p', String(said.entries % 256));
  const bytes = readFileSync(bundle);
  const at = bytes.indexOf('evidence.upload');
  bytes[at] ^= 1;
  writeFileSync(bundle, bytes);
  let told = '';
  try { execFileSync(verifier, [out, '--key', said.vkey], { stdio: ['ignore', 'pipe', 'pipe'] }); } catch (e) { told = `${e.status} ${e.stdout}`; }
  check(`${label}: one flipped byte is named`, /^1 /.test(told) && /entry \d+/i.test(told), told);
  await server.stop();
};

const tour = async (browser) => {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-tour-'));
  const demo = spawn(program, ['demo', '--json', '--listen', '127.0.0.1:0', '--data', join(dir, 'data')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const first = await new Promise((done) => { let text = ''; demo.stdout.on('data', (c) => { text += c; if (text.includes('\n')) done(text.split('\n')[0]); }); });
  const { url, people } = JSON.parse(first);
  const pages = {
    admin: ['/', '/account', '/account/password', '/account/email', '/account/totp', '/account/codes', '/account/tokens/new', '/admin/users', '/admin/users/invite', 'person', 'confirm', '/audit', '/policies', '/status', '/config', '/nowhere', '/messages', '/admin/gateways', '/admin/gateways/sandbox', '/admin/webhooks'],
    compliance: ['/', '/waiting', '/audit', '/audit?outcome=denied', '/audit?first=0&last=9', '/audit/3', '/audit/insights', '/audit/retention', '/audit/subjects', '/audit/subjects?who=sam.okafor', 'hold', '/audit/reviews', '/audit/reviews/new?first=0&last=9&sample=3', 'view', 'review', '/evidence', 'evidence', '/tags', 'desk/plan', 'desk/seal', '/seals', 'seal', 'seal/report', 'seal/sprs', 'seal/ssp', 'seal/affirm', 'seal/views', '/campaigns', 'campaign', 'approval', '/intake/break-glass', '/policies'],
    contributor: ['/', '/evidence', 'evidence', '/evidence?q=nothing-has-this-name', '/assess', 'system', 'desk', 'desk?show=open', 'desk/score', 'desk/score?met=3.3.1', 'desk/trend', 'desk/ssp', 'desk/ssp/3.1.1', 'desk/ssp/upkeep', 'desk/bulk', 'desk/import', 'desk/window', 'desk/requirements/3.13.11', 'desk/objectives/3.13.11', 'desk/objectives/3.13.6%5Ba%5D', 'desk/plan', '/seals'],
    messaging: ['/', '/messages', 'message', '/inbox', '/inbox?view=closed', 'thread', '/inbox/replies', 'canned', '/inbox/answers', '/messages/sandbox', '/contacts', '/contacts?q=nobody', 'contact', 'contact-edit', '/contacts/new', '/contacts/lists', '/contacts/segments', '/contacts/stops', 'lift', '/contacts/imports', 'import', 'imported', '/campaigns', '/campaigns/new', 'campaign', 'campaign/recipients', 'campaign/certificate', '/campaigns/templates', 'template'],
    intake: ['/', '/intake', 'intake', 'intake/disclosures', 'intake/merge', 'intake/erase', '/intake/export', '/intake/form/no-such-link'],
    assessor: ['/', '/seals', 'seal'],
    signedOut: ['/login', '/login?next=/audit', '/forgot', '/nowhere'],
  };
  for (const [role, paths] of Object.entries(pages)) {
    const context = await browser.newContext();
    const page = await context.newPage();
    watch(page, role);
    if (role !== 'signedOut') {
      const person = people.find((p) => p.role === role);
      await page.goto(person.sign_in_link);
      check(`${role} signs in by the link`, new URL(page.url()).pathname === '/', page.url());
      check(`${role}'s link works once`, (await context.request.get(person.sign_in_link, { maxRedirects: 0 })).status() === 404);
    }
    const hrefs = async (list, pattern) => { await page.goto(url + list); return (await page.content()).match(pattern)?.[0]; };
    for (let path of paths) {
      if (path === 'person') path = await hrefs('/admin/users', /\/admin\/users\/usr_[0-9a-f]{32}/);
      if (path === 'confirm') path = `${await hrefs('/admin/users', /\/admin\/users\/usr_[0-9a-f]{32}/)}/disable`;
      if (path === 'evidence') path = await hrefs('/evidence', /\/evidence\/evd_[0-9a-f]{32}/);
      if (path === 'view') {
        await page.goto(`${url}/audit?outcome=denied`);
        await page.fill('form[action="/audit/views"] [name=name]', 'Refusals');
        await submit(page, 'form[action="/audit/views"] button');
        path = '/audit';
      }
      if (path === 'review') {
        await page.goto(`${url}/audit/reviews/new?first=0&last=9&sample=3`);
        await page.fill('[name=comment]', 'Ten entries of the start.');
        await submit(page, 'form[action="/audit/reviews"] button.primary');
        path = new URL(page.url()).pathname;
        check('a review is signed', /\/audit\/reviews\/rvw_/.test(path), page.url());
      }
      if (path.startsWith('seal')) path = path.replace('seal', await hrefs('/seals', /\/seals\/sel_[0-9a-f]{32}/));
      if (path.startsWith('campaign')) path = path.replace('campaign', await hrefs('/campaigns', /\/campaigns\/cmp_[0-9a-f]{32}/));
      if (path === 'approval') path = await hrefs(await hrefs('/campaigns', /\/campaigns\/cmp_[0-9a-f]{32}/), /\/campaigns\/cmp_[0-9a-f]{32}\/approve/) ?? '/campaigns';
      if (path === 'thread') path = await hrefs('/inbox', /\/inbox\/thr_[0-9a-f]{32}/);
      if (path === 'canned') path = await hrefs('/inbox/replies', /\/inbox\/replies\/can_[0-9a-f]{32}/);
      if (path === 'template') path = await hrefs('/campaigns/templates', /\/campaigns\/templates\/tpl_[0-9a-f]{32}/);
      if (path.startsWith('intake')) path = path.replace('intake', await hrefs('/intake', /\/intake\/itk_[0-9a-f]{32}/));
      if (path === 'system') path = await hrefs('/assess', /\/assess\/systems\/sys_[0-9a-f]{32}/);
      if (path.startsWith('desk')) path = path.replace('desk', await hrefs('/assess', /\/assess\/asm_[0-9a-f]{32}/));
      if (path === 'contact') path = await hrefs('/contacts', /\/contacts\/con_[0-9a-f]{32}/);
      if (path === 'contact-edit') path = `${await hrefs('/contacts', /\/contacts\/con_[0-9a-f]{32}/)}/edit`;
      if (path === 'lift') path = await hrefs('/contacts/stops', /\/contacts\/stops\/stp_[0-9a-f]{32}\/lift/);
      if (path === 'import' || path === 'imported') {
        await page.goto(`${url}/contacts/imports`);
        const file = { name: 'spring.csv', mimeType: 'text/csv', buffer: Buffer.from('Name;Mobile;Note\nAnna;(415) 555-2671;=1+1\nExcel;1.41555E+10;\n') };
        await page.setInputFiles('input[type=file]', file);
        await Promise.all([page.waitForURL(/imports\/imp_/), page.click('form[data-upload] button')]);
        if (path === 'imported') {
          await page.fill('[name=list]', 'Spring');
          await submit(page, 'form[action$="/begin"] button.primary');
          await page.waitForSelector('form[action$="/refused"]');
          check('an import explains its refusals', (await page.locator('main').innerText()).includes('scientific notation'));
        }
        path = new URL(page.url()).pathname;
      }
      if (path === 'hold') {
        await page.goto(`${url}/audit/retention`);
        await page.fill('form[action="/audit/holds"] [name=reason]', 'A case that is open.');
        await submit(page, 'form[action="/audit/holds"] button');
        await page.goto(`${url}/audit/retention`);
        await page.fill('[name=days]', '400');
        await page.fill('form[action="/audit/retention"] [name=reason]', 'What the law asks for.');
        await submit(page, 'form[action="/audit/retention"] button.primary');
        check('a shorter retention waits', (await page.content()).includes('waits for somebody else'), page.url());
        path = '/audit/retention';
      }
      if (path === 'message') path = await hrefs('/messages', /\/messages\/msg_[0-9a-f]{32}/);
      for (const [mode, width, scheme] of [['light', 1280, 'light'], ['dark', 1280, 'dark'], ['320', 320, 'light']]) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme: scheme });
        const reply = await page.goto(url + path);
        check(`${role} ${path} answers`, reply.status() < 500, String(reply.status()));
        await axe(page, `${role} ${path} ${mode}`);
        if (shots) await page.screenshot({ path: join(shots, `${role}${path.replace(/[/?=_]+/g, '-').slice(0, 40)}-${mode}.png`), fullPage: true });
      }
    }
    await context.close();
  }
  demo.kill('SIGTERM');
  await new Promise((done) => demo.on('exit', done));
  rmSync(dir, { recursive: true, force: true });
};

const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox'] });
try {
  await journey(browser, true);
  await journey(browser, false);
  await tour(browser);
} catch (error) {
  failed += 1;
  console.log(`FAIL ${error.stack}`);
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
