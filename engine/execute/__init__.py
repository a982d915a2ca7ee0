"""Runs plans.

In: a plan, the values of its variables, and what the caller forwards. Out: the response.

- ``calls``: the calls of one operation: deadline, headers, bounds, count.
- ``upstream_caller``: one upstream as all operations call it: what is under way, how each function is handled.
- ``slots``: how many calls to one upstream are under way.
- ``retries``: whether, and when, a call that failed is made again.
- ``response_cache``: answers of reads, kept as long as they are fresh; ``freshness``: how long that is.
- ``background``: work that nobody waits for.
- ``loaders``: many keys in few calls.
- ``instances``: instances of hand-written classes, completed by their key.
- ``complete``: answers to the response, by GraphQL's rules.
- ``sharing``: equal reads that are under way are made once: operations and calls.
- ``stages``: every fetch as soon as its keys are there.
- ``record``: what one way of an execution was answered, for another way to go on with.
- ``run``: one execution of a plan, interpreted.
- ``fast``: one execution of a compiled plan.
- ``deliver``: the items of a streamed list, as they arrive.
- ``resolvers``: the same schema for graphql-core, for operations with hand-written fields.
- ``byte_cache``: a cache that is bounded by the bytes of what it holds.
- ``prepared``: documents compiled once, kept in a bounded cache, and served to all documents of their shape.
- ``guard``: rules and costs held against operations before they run.
- ``engine``: all of it behind one object.
- ``schema``: that object as a Strawberry schema.
"""
