# rt: what a native program starts with. So far: the seL4 stubs, headers only.
rt_USES := abi lib proto
