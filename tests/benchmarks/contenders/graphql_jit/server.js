// A hand-written server: graphql-jit executes, DataLoader batches users into one call, undici calls the
// upstream over connections that are kept open. Documents are parsed, validated and compiled once.
//
// node server.js PORT UPSTREAM WORKERS WIDE, where WIDE is the wide list's members as {name: type}.
import cluster from 'node:cluster';
import http from 'node:http';
import DataLoader from 'dataloader';
import { buildSchema, parse, validate } from 'graphql';
import { compileQuery, isCompiledQuery } from 'graphql-jit';
import { Pool } from 'undici';

const [port, upstream, workers, wide] = process.argv.slice(2);

if (cluster.isPrimary && Number(workers) > 1) {
  for (let number = 0; number < Number(workers); number++) cluster.fork();
  process.on('SIGTERM', () => process.exit(0));
} else {
  serve();
}

function scalar(type) {
  const nullable = type.startsWith('nullable ');
  const name = { integer: 'Int', number: 'Float', string: 'String', boolean: 'Boolean' }[type.replace('nullable ', '')];
  return nullable ? name : `${name}!`;
}

function serve() {
  const members = Object.entries(JSON.parse(wide)).map(([name, type]) => `${name}: ${scalar(type)}`);
  const schema = buildSchema(`
    type Query { posts: [Post!] user(id: Int!): User greet: String wide: [Item!] }
    type Post { userId: Int! id: Int! title: String! body: String! user: User }
    type User { id: Int! name: String! username: String! email: String! phone: String! website: String! }
    type Item { ${members.join(' ')} }
  `);
  const pool = new Pool(upstream, { connections: 100, pipelining: 1 });

  async function get(path, context) {
    const headers = context.authorization ? { authorization: context.authorization } : undefined;
    const { statusCode, body } = await pool.request({ path, method: 'GET', headers });
    if (statusCode !== 200) {
      await body.dump();
      throw new Error(`the upstream answered ${statusCode}`);
    }
    return body.json();
  }

  const query = schema.getQueryType().getFields();
  query.posts.resolve = (_, __, context) => get('/posts', context);
  query.greet.resolve = (_, __, context) => get('/greet', context);
  query.wide.resolve = (_, __, context) => get('/wide', context);
  query.user.resolve = (_, { id }, context) => context.users.load(id);
  schema.getType('Post').getFields().user.resolve = (post, _, context) => context.users.load(post.userId);

  class Context {
    constructor(authorization) {
      this.authorization = authorization;
      this.loader = undefined;
    }

    get users() {
      this.loader ??= new DataLoader(async (ids) => {
        const found = await get('/users?' + ids.map((id) => `id=${id}`).join('&'), this);
        const byId = new Map(found.map((user) => [user.id, user]));
        return ids.map((id) => byId.get(id) ?? null);
      });
      return this.loader;
    }
  }

  const compiled = new Map();

  function compile(text, operationName) {
    const key = `${operationName ?? ''}\n${text}`;
    let one = compiled.get(key);
    if (one === undefined) {
      const document = parse(text);
      const errors = validate(schema, document);
      one = errors.length ? { errors } : compileQuery(schema, document, operationName ?? undefined);
      compiled.set(key, one);
    }
    return one;
  }

  async function answer(text, authorization) {
    const { query, variables, operationName } = JSON.parse(text);
    const one = compile(query, operationName);
    if (!isCompiledQuery(one)) return JSON.stringify(one);
    const result = await one.query({}, new Context(authorization), variables ?? {});
    return one.stringify(result);
  }

  http
    .createServer((request, response) => {
      const pieces = [];
      request.on('data', (piece) => pieces.push(piece));
      request.on('end', () => {
        answer(Buffer.concat(pieces).toString(), request.headers.authorization).then(
          (text) => {
            const body = Buffer.from(text);
            response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
            response.end(body);
          },
          (error) => {
            response.writeHead(500, { 'content-type': 'application/json' });
            response.end(JSON.stringify({ errors: [{ message: error.message }] }));
          },
        );
      });
    })
    .listen(Number(port), '127.0.0.1', 2048);
}
