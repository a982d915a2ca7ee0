// The supergraph that Hive Gateway serves: the OpenAPI description, and a link whose keys go into one call.
import { defineConfig } from '@graphql-mesh/compose-cli';
import { loadOpenAPISubgraph } from '@omnigraph/openapi';

export const composeConfig = defineConfig({
  subgraphs: [
    {
      sourceHandler: loadOpenAPISubgraph('bench', {
        source: process.env.BENCH_OPENAPI,
        endpoint: process.env.BENCH_UPSTREAM,
        operationHeaders: { Authorization: '{context.headers.authorization}' },
      }),
    },
  ],
  additionalTypeDefs: /* GraphQL */ `
    extend type Post {
      user: User
        @resolveTo(
          sourceName: "bench"
          sourceTypeName: "Query"
          sourceFieldName: "users"
          keyField: "userId"
          keysArg: "id"
          requiredSelectionSet: "{ userId }"
        )
    }
  `,
});
