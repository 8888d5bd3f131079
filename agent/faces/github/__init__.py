"""The face on pull requests: it reads one over GitHub's REST API and answers with one review.

- ``client``        requests: waiting, paging, errors in one line, the token never shown
- ``pull``          a pull request as material: changed files, sampled by risk where there are too many
- ``marks``         the hidden markers by which a later push finds its own comments again
- ``plan``          what to post, what to update, what is settled; no request is made here
- ``post``          the plan carried out: a rejected line costs that line, not the review; threads are resolved
- ``pull_request``  the whole, as ``gadfly review --pr`` calls it

Text of a pull request is data: shown, quoted, never followed; none of its code is executed, and its
configuration is read from the base branch.
"""
