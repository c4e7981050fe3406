"""Show a pydantic field in the reference as its default, not as the call of Field that has it."""

import griffe


class FieldDefaults(griffe.Extension):
    """Replaces `Field(default=1, ge=1)` by `1`, and drops `Field(default_factory=…)`."""

    def on_attribute(self, *, attr: griffe.Attribute, **_: object) -> None:
        """Change the value of an attribute that Griffe found."""
        value = attr.value
        if isinstance(value, griffe.ExprCall) and str(value.function) == "Field":
            defaults = (
                argument.value
                for argument in value.arguments
                if isinstance(argument, griffe.ExprKeyword) and argument.name == "default"
            )
            attr.value = next(defaults, None)
