// With an assembly file in the package, a function may have no body.
