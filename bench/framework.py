"""How functions-framework serves an async function by itself; imported before backend/async_function.py, which has its
own way.
"""

import functions_framework.aio

usual_application = functions_framework.aio._create_asgi_app_with_function  # pyright: ignore
